"""Why scores or performance moved: an exact split of the shift, and a ranked list of named causes with their evidence.

What belongs here: splitting a shift over features and segments (`split.py`), evidence as values (`evidence.py`), what each signal of
the raw tables says (`signals.py`), causes declared as data (`causes/*.yml`, `declaration.py`) and their ranking (`ranking.py`). What
does not: gathering the figures (`flows/monitoring/causes.py`), and whether anything moved at all (the detectors beside this package).
"""
