"""Against NannyML's CBPE 0.13.1 as oracle: the same probabilities, its estimates as recorded in an environment of its own.

Recorded with numpy 1.26 and Python 3.11; reference: 6,000 rows with scores (i + 0.5) / 6000 and outcomes drawn from them, on which
`needs_calibration` was false, so that both estimate from the same probabilities. One chunk per case; decisions at 0.35.
"""

from __future__ import annotations

import numpy as np
import pytest

from churn_platform.estimation.expectation import expected_auc, expected_f1

#: rows, power, scale -> roc_auc and f1 of scores scale · ((i + 0.5) / rows) ** power
RECORDED = [
    (1600, 1.0, 0.95, 0.8174601911027569, 0.7419625388198757),
    (1600, 3.0, 0.90, 0.8870966170926378, 0.6509250566694831),
    (1600, 5.0, 0.80, 0.9120876848351569, 0.5872487225266125),
    (800, 2.0, 0.60, 0.8124995900600523, 0.5084184681086081),
]


@pytest.mark.parametrize(("rows", "power", "scale", "auc", "f1"), RECORDED)
def test_estimates_agree_with_the_peers(rows: int, power: float, scale: float, auc: float, f1: float) -> None:
    p = scale * ((np.arange(rows) + 0.5) / rows) ** power
    assert expected_f1(p, 0.35) == pytest.approx(f1, abs=1e-9)
    # the peer pairs each customer with themselves as well: a share of 1 / rows
    assert expected_auc(p) == pytest.approx(auc, abs=1.5 / rows)
