"""The colours of the figures: few, and told apart without colour vision.

Belongs here: colours with a meaning. Does not belong here: fonts and margins (`evaluation/report`, which frames the
figures).
"""

from __future__ import annotations

INK = "#243042"
MUTED = "#8792a2"
GRID = "#e8ebf0"
LEAVING = "#d1600a"
STAYING = "#2b6cb0"
MISSING = "#b4bcc8"
# Low to high, dark enough on white at both ends and ordered in lightness, so that it reads without colour vision.
VALUE_SCALE = [[0.0, "#e9b54a"], [0.35, "#d9745f"], [0.7, "#93408c"], [1.0, "#332063"]]
