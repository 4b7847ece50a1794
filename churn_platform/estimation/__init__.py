"""How good the model is before anybody knows what happened: performance estimated from calibrated probabilities alone.

What belongs here: expectations of metrics (`expectation.py`), the doubt about the calibration (`doubt.py`), estimates with intervals
(`performance.py`), and their reconciliation with outcomes once these have matured (`reconciliation.py`). What does not: metrics on
outcomes (`evaluation/`), and when an estimate is bad enough to act (`flows/monitoring`, by the policy).
"""
