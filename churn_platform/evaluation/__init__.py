"""How good a model is, how sure that is, and whether it is good enough.

`evaluate` (in `evaluation`) measures a model on matured outcomes and returns an `Evaluation`; `gate` judges it by the
policy; `report` shows it to people. Every figure is an `Estimate` with its interval. Pure: no files, no clock, seeded.
"""
