"""Retraining: whether to learn again, for which reason, from which window, on which evidence.

What belongs here: triggers and the decision as a value. What does not: training (`training`), and starting a run (flows, sensors).
"""
