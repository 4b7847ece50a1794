"""The training room: from features and matured outcomes to a calibrated model with its threshold, reproducibly to the
byte.

`examples` chooses the rows, `split` holds the newest back, `fit` runs the recipe (`tuning`, `calibration`, `threshold`)
and returns a `TrainedModel`; `baseline` is what it must beat, `cross_validation` what the recipe is worth. Pure: no
files, no clock, no registry.
"""
