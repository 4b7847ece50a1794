"""What was estimated beside what came true, and whether the estimate's assumption still holds.

What belongs here: realised metrics of a matured window, the error of its estimate, and the verdict on the assumption. What does not:
drift of the concept relative to the holdout (`drift/concept.py`), which needs no estimate.

The assumption is that probabilities are calibrated. A realised figure outside its interval once in twenty windows is chance, and outside
on the same side in two of them still once in 800: a year of days sees both. Far outside in one window, or as far in several that share no
row taken together (Stouffer's sum of distances over the root of their number), is not: then the relation of features to outcome has
changed, and estimates are not to be believed until the model has learned again.

Source: Stouffer et al., The American Soldier I (1949), p. 45, note 15.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from churn_platform.estimation.performance import EstimatedPerformance
from churn_platform.evaluation.auc import auc
from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.intervals import share_interval
from churn_platform.evaluation.metrics import brier, expected_calibration_error, f1
from churn_platform.evaluation.outcomes import ScoredOutcomes, tally

JUDGED = ("auc", "brier", "churn_rate")
"""The metrics that judge the assumption: ranking, accuracy, level. F1 hangs on one threshold, the calibration error is never negative."""
FAR = 4.0
"""Standard errors, of one window or of several together, that are not chance: it does it once in 16,000 windows. With two windows outside
their 95 % intervals as the rule, one calm year of five has an alarm, with this one 2 of 100 (52 independent windows, simulated)."""
TOGETHER = 4
"""Windows that are taken together: a month of weeks, the horizon in which their outcomes matured."""

Holds = Literal["holds", "broken", "unknown"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of one matured window: what was estimated, what came true, and how many standard errors lie between."""

    metric: str
    estimated: Estimate
    realised: Estimate

    @property
    def error(self) -> float:
        """Realised minus estimated."""
        return self.realised.value - self.estimated.value

    @property
    def inside(self) -> bool:
        """Whether what came true lies in the estimate's interval."""
        return self.estimated.low <= self.realised.value <= self.estimated.high

    @property
    def distance(self) -> float:
        """The error in standard errors, taken from the half of the interval that it lies in."""
        z = NormalDist().inv_cdf(0.5 + self.estimated.confidence / 2.0)
        half = (
            self.estimated.high - self.estimated.value if self.error > 0 else self.estimated.value - self.estimated.low
        )
        if half <= 0:
            return 0.0 if self.error == 0 else math.copysign(math.inf, self.error)
        return self.error / half * z

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "metric": self.metric,
            "estimated": self.estimated.value,
            "estimated_low": self.estimated.low,
            "estimated_high": self.estimated.high,
            "realised": self.realised.value,
            "realised_low": self.realised.low,
            "realised_high": self.realised.high,
            "error": self.error,
            "inside": self.inside,
        }


def realised_performance(
    outcomes: ScoredOutcomes, *, threshold: float, confidence: float, ece_bins: int
) -> dict[str, Estimate]:
    """The same metrics on outcomes: AUC with DeLong's interval, the churn rate with Wilson's, the others as plain figures."""
    t = tally(outcomes)
    figures = {
        "f1": float(f1(t, threshold)[0]),
        "brier": float(brier(t)[0]),
        "ece": float(expected_calibration_error(t, ece_bins)[0]),
    }
    plain = {name: Estimate(v, v, v, confidence, "measured", outcomes.rows) for name, v in figures.items()}
    return {
        "auc": auc(outcomes, confidence),
        **plain,
        "churn_rate": share_interval(outcomes.churners, outcomes.rows, confidence),
    }


def reconcile(estimated: EstimatedPerformance, realised: Mapping[str, Estimate]) -> dict[str, Comparison]:
    """Each metric that was both estimated and realised, on the same window."""
    return {name: Comparison(name, estimated[name], realised[name]) for name in estimated.metrics if name in realised}


@dataclass(frozen=True, slots=True)
class Assumption:
    """Whether estimates are to be believed, and why; `metric` is the one that speaks loudest, where it is broken."""

    verdict: Holds
    reason: str
    metric: str = ""
    distance: float | None = None


def judge_assumption(windows: Sequence[Mapping[str, Comparison]]) -> Assumption:
    """Judge by matured windows that share no rows, the newest first; the first `TOGETHER` count.

    >>> judge_assumption([]).verdict
    'unknown'
    """
    if not windows:
        return Assumption("unknown", "no outcomes of this champion's scores have matured yet")
    newest = windows[0]
    nothing = [name for name in JUDGED if name not in newest or math.isnan(newest[name].distance)]
    if nothing:  # no figure is no reason to believe
        return Assumption("unknown", f"the newest matured window has no usable {', '.join(nothing)}")
    loudest = max((c for name, c in newest.items() if name in JUDGED), key=lambda c: abs(c.distance))
    for number in range(1, min(len(windows), TOGETHER) + 1):
        for name in sorted(JUDGED, key=lambda one: -abs(newest[one].distance)):
            together = sum(window[name].distance for window in windows[:number]) / math.sqrt(number)
            if abs(together) >= FAR and not newest[name].inside:
                before = f", together with the {number - 1} windows before" if number > 1 else ""
                reason = f"{_told(newest[name])}{before}: {abs(together):.1f} standard errors away"
                return Assumption("broken", reason, name, together)
    outside = [c for name, c in newest.items() if name in JUDGED and not c.inside]
    if outside:
        return Assumption(
            "holds", f"{_told(outside[0])}; once is within chance", outside[0].metric, outside[0].distance
        )
    return Assumption(
        "holds", "every realised figure lies in its estimate's interval", loudest.metric, loudest.distance
    )


def _told(one: Comparison) -> str:
    names = {"auc": "AUC", "brier": "Brier score", "churn_rate": "churn rate"}
    side = "below" if one.error < 0 else "above"
    return (
        f"the realised {names.get(one.metric, one.metric)} {one.realised.value:.3f} lies {side} what was estimated, "
        f"{one.estimated}"
    )
