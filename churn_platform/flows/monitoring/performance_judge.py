"""Judging one day's performance: windows, estimates, realised figures, fairness, persistence.

What belongs here: which window each figure is of, and what is computed once for all days of a run. What does not: reading (`scored`),
the figures themselves (`estimation/`, `drift/fairness.py`), recording and showing (`performance`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_platform.drift.fairness import (
    GroupDifference,
    fairness_finding,
    selection_difference,
    true_positive_difference,
)
from churn_platform.drift.finding import Finding, Window
from churn_platform.drift.persistence import persists
from churn_platform.drift.windows import growing_windows
from churn_platform.estimation.findings import (
    assumption_finding,
    estimated_finding,
    estimated_severity,
    figures,
    realised_finding,
    realised_severity,
)
from churn_platform.estimation.performance import EstimatedPerformance
from churn_platform.estimation.reconciliation import (
    FAR,
    TOGETHER,
    Assumption,
    Comparison,
    judge_assumption,
    realised_performance,
    reconcile,
)
from churn_platform.evaluation.estimate import Estimate, EvaluationError
from churn_platform.flows.monitoring.estimated_windows import estimated_window
from churn_platform.flows.monitoring.performance_champion import Champion
from churn_platform.flows.monitoring.scored import ScoredHistory, ScoredWindow

if TYPE_CHECKING:
    from churn_platform.policies import Policies

MATURE_ENOUGH = 0.9
"""Share of a window's outcomes that must be known before performance is measured on it: the late ones are not like the others."""


@dataclass(frozen=True)
class DayPerformance:
    """One day: the newest window's estimate, the newest matured window beside its estimate, and the findings."""

    day: date
    window: Window
    estimated: EstimatedPerformance | str
    matured_window: Window
    label_maturity: float
    realised: dict[str, Estimate] | str
    comparisons: dict[str, Comparison]
    assumption: Assumption
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, as the series keeps it."""
        return {
            "day": self.day.isoformat(),
            "window": self.window.to_dict(),
            "estimated": self.estimated if isinstance(self.estimated, str) else figures(self.estimated.metrics),
            "matured_window": self.matured_window.to_dict(),
            "label_maturity": self.label_maturity,
            "realised": self.realised if isinstance(self.realised, str) else figures(self.realised),
            "compared": {name: one.to_dict() for name, one in self.comparisons.items()},
            "assumption": {"verdict": self.assumption.verdict, "reason": self.assumption.reason},
            "fairness": [
                {"attribute": f.subject, "statistic": f.statistic, "value": f.value, "threshold": f.threshold,
                 "interval": f.evidence.get("interval"), "label_maturity": f.label_maturity}
                for f in self.findings if f.signal == "fairness_drift"
            ],
        }  # fmt: skip


@dataclass(frozen=True)
class Judge:
    """Judges days on one reading of the data; what windows share is computed once."""

    policies: Policies
    champion: Champion
    history: ScoredHistory
    _estimates: dict[tuple[date, date], EstimatedPerformance | str] = field(default_factory=dict)
    _realised: dict[tuple[date, date], dict[str, Estimate] | str] = field(default_factory=dict)

    def day(self, day: date) -> DayPerformance:
        """The findings of one day."""
        policy = self.policies.drift.persistence
        recent = [day - timedelta(back) for back in range(policy.windows)]
        current, matured = self._window(day, day), self._window(self._matured_end(day), day)
        estimated, realised = self._estimate(current), self._realise(matured)
        compared = self._compare(matured)
        assumption = self._assumption(day)
        bounds = self.champion.bounds
        estimated_persists = self._persists([self._estimated_violates(one) for one in recent])
        realised_persists = self._persists([self._realised_violates(one) for one in recent])
        findings = (
            estimated_finding(
                estimated, _value(current), bounds, label_maturity=current.label_maturity,
                assumption=assumption, persists=estimated_persists,
            ),
            realised_finding(
                realised, _value(matured), bounds, label_maturity=matured.label_maturity,
                comparisons=compared, persists=realised_persists,
            ),
            assumption_finding(assumption, _value(matured), label_maturity=matured.label_maturity, threshold=FAR),
            *self._fairness(day, recent),
        )  # fmt: skip
        return DayPerformance(
            day,
            _value(current),
            estimated,
            _value(matured),
            matured.label_maturity,
            realised,
            compared,
            assumption,
            findings,
        )

    @cached_property
    def _attributes(self) -> tuple[str, ...]:
        return tuple(self.policies.evaluation.fairness_attributes)

    def _matured_end(self, day: date) -> date:
        return day - self.policies.label.horizon

    def _window(self, end: date, as_of: date) -> ScoredWindow:
        """The window that ends on `end`, grown back until it has enough rows."""
        policy = self.policies.drift.window
        first = end - policy.longest + timedelta(1)
        rows = self.history.rows_per_day(first, end)
        spans = growing_windows(rows, [len(rows) - 1], policy.length.days, policy.longest.days, policy.min_rows)
        return self.history.window(first + timedelta(int(spans.first[0])), end, as_of)

    def _estimate(self, window: ScoredWindow) -> EstimatedPerformance | str:
        key = (window.first, window.last)
        if key not in self._estimates:
            self._estimates[key] = self._estimate_anew(window)
        return self._estimates[key]

    def _estimate_anew(self, window: ScoredWindow) -> EstimatedPerformance | str:
        least = self.policies.drift.window.min_rows
        if window.rows < least:
            return f"{window.rows} scores of {self.champion.version} up to {window.last}, {least} are needed"
        seed = int(self.champion.digest[:12], 16) + window.last.toordinal()
        policy = self.policies.evaluation
        return estimated_window(
            window.probability.tobytes(),
            self.champion.threshold,
            self.champion.doubt,
            policy.confidence,
            policy.ece_bins,
            seed,
        )

    def _realise(self, window: ScoredWindow) -> dict[str, Estimate] | str:
        """Performance on matured outcomes, or why it cannot be measured."""
        from churn_platform.evaluation.outcomes import scored_outcomes

        key = (window.last, window.as_of)
        if key in self._realised:
            return self._realised[key]
        policy = self.policies.drift
        churners = int((window.churned & window.matured).sum())
        if window.rows < policy.window.min_rows:
            first = self.history.first_day
            since = "has scored nothing yet" if first is None else f"scores since {first}"
            found: dict[str, Estimate] | str = (
                f"{window.rows} scores of {self.champion.version} up to {window.last}, {policy.window.min_rows} are needed; it {since}"
            )
        elif window.label_maturity < MATURE_ENOUGH:
            through = self.history.labels_through(window.as_of)
            found = f"{window.label_maturity:.0%} of the outcomes are known: departures are known up to {through} only"
        elif churners < policy.concept.min_churners:
            found = f"{churners} leavers among {window.rows} customers, {policy.concept.min_churners} are needed"
        else:
            try:
                outcomes = scored_outcomes(
                    window.churned[window.matured], window.probability[window.matured], "the matured scores"
                )
                found = realised_performance(
                    outcomes,
                    threshold=self.champion.threshold,
                    confidence=self.policies.evaluation.confidence,
                    ece_bins=self.policies.evaluation.ece_bins,
                )
            except EvaluationError as error:
                found = str(error)
        self._realised[key] = found
        return found

    def _compare(self, window: ScoredWindow) -> dict[str, Comparison]:
        estimated, realised = self._estimate(window), self._realise(window)
        if isinstance(estimated, str) or isinstance(realised, str):
            return {}
        return reconcile(estimated, realised)

    def _assumption(self, day: date) -> Assumption:
        """Judged on the newest matured window and those before it, none of which shares a row with another, all as known today."""
        windows: list[dict[str, Comparison]] = []
        end = self._matured_end(day)
        while len(windows) < TOGETHER:
            window = self._window(end, day)
            compared = self._compare(window)
            if compared:
                windows.append(compared)
            elif windows:
                break
            else:
                reason = self._realise(window)
                return Assumption("unknown", reason if isinstance(reason, str) else "nothing could be estimated")
            end = window.first - timedelta(1)
        return judge_assumption(windows)

    def _estimated_violates(self, day: date) -> bool:
        estimated = self._estimate(self._window(day, day))
        return not isinstance(estimated, str) and estimated_severity(estimated["auc"], self.champion.bounds) != "ok"

    def _realised_violates(self, day: date) -> bool:
        realised = self._realise(self._window(self._matured_end(day), day))
        return not isinstance(realised, str) and realised_severity(realised["auc"], self.champion.bounds) != "ok"

    def _persists(self, newest_first: list[bool]) -> bool:
        policy = self.policies.drift.persistence
        return bool(persists(newest_first[::-1], policy.violations, policy.windows)[-1])

    def _fairness(self, day: date, recent: list[date]) -> list[Finding]:
        """For each protected attribute: are groups selected otherwise than on the holdout, and are their leavers found alike."""
        found = []
        for attribute in self._attributes:
            allowed = self.policies.gates.evaluation.max_true_positive_rate_difference[attribute]
            usual = self.champion.holdout_selection.get(attribute, 0.0)
            for measure, threshold in (
                (self._selection, usual + self.policies.drift.prediction.band_share_change),
                (self._true_positives, allowed),
            ):
                differences = [measure(attribute, one) for one in recent]
                violates = [d.estimate is not None and d.estimate.value > threshold for d, _ in differences]
                difference, window = differences[0]
                found.append(
                    fairness_finding(
                        difference, _value(window), threshold=threshold, label_maturity=window.label_maturity,
                        acts=self._persists(violates),
                    )
                )  # fmt: skip
        return found

    def _cycle(self, end: date, as_of: date) -> ScoredWindow:
        """A whole billing cycle, in which every customer is seen once."""
        return self.history.window(end - self.policies.label.horizon + timedelta(1), end, as_of)

    def _selection(self, attribute: str, day: date) -> tuple[GroupDifference, ScoredWindow]:
        window = self._cycle(day, day)
        return (
            selection_difference(
                attribute,
                window.attributes[attribute].to_numpy(dtype=np.str_),
                window.probability >= self.champion.threshold,
                min_rows=self.policies.gates.data.min_group_rows,
                confidence=self.policies.evaluation.confidence,
            ),
            window,
        )

    def _true_positives(self, attribute: str, day: date) -> tuple[GroupDifference, ScoredWindow]:
        window = self._cycle(self._matured_end(day), day)
        known = window.matured
        return (
            true_positive_difference(
                attribute,
                window.attributes[attribute].to_numpy(dtype=np.str_)[known],
                (window.probability >= self.champion.threshold)[known],
                window.churned[known],
                min_churners=self.policies.drift.concept.min_churners,
                confidence=self.policies.evaluation.confidence,
            ),
            window,
        )


def _value(window: ScoredWindow) -> Window:
    return Window(window.first, window.last, window.rows)
