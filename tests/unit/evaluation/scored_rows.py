"""What hypothesis draws for the laws of evaluation: outcomes of both classes, tied and extreme scores among them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from churn_platform.evaluation.outcomes import ScoredOutcomes, scored_outcomes

SCORES = st.one_of(
    st.floats(0.0, 1.0, allow_nan=False, width=32),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]),
)


@st.composite
def scored(draw: st.DrawFn, min_size: int = 2, max_size: int = 60) -> ScoredOutcomes:
    """Rows with both outcomes; the first left and the second stayed."""
    rows = draw(st.integers(min_size, max_size))
    probability = draw(st.lists(SCORES, min_size=rows, max_size=rows))
    churned = [True, False, *draw(st.lists(st.booleans(), min_size=rows - 2, max_size=rows - 2))]
    return scored_outcomes(np.array(churned), np.array(probability))
