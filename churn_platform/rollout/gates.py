"""What the evidence of a stage says: one check a metric, each with a verdict and a reason.

Belongs here: judging one metric against its limit, and which metrics a gate wants. Does not belong here: what follows from the verdicts
(`decision`), and the comparison of outcomes (`ab_test`).

A guardrail that fails takes the challenger back at any time. A criterion (is it better?) is asked when the stage is over. Whatever cannot
be used is inconclusive, and says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from churn_platform.rollout.ab_test import judge_outcomes
from churn_platform.rollout.evidence import Evidence, Measure, unusable
from churn_platform.rollout.plan import Gate, Limits, Plan, Stage
from churn_platform.rollout.sequential import always_valid_bound, beyond_chance
from churn_platform.rollout.verdicts import Check, Verdict

GROSS = 1e-6
"""Chance at which a share of errors ends a stage before the requests it waits for: over a thousand looks, one rollout in a thousand."""

GUARDRAILS = ("error_rate", "p99", "slowdown", "score_shift", "auc_degradation", "realised_auc_loss", "healthy")
WANTED: dict[Gate, tuple[str, ...]] = {
    "latency_and_errors": ("error_rate", "p99"),
    "latency_errors_metrics": ("error_rate", "p99", "score_shift"),
    "full_metrics": ("error_rate", "p99", "score_shift", "auc_degradation"),
    "shadow_criteria": ("error_rate", "p99", "latency_increase", "auc_gain", "f1_gain"),
    "health": ("healthy",),
    "outcomes": ("error_rate", "p99"),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A stage's checks: the guardrails of all that is known, and the gate's own."""

    guardrails: tuple[Check, ...]
    gate: tuple[Check, ...]

    @property
    def broken(self) -> tuple[Check, ...]:
        """Guardrails that failed."""
        return tuple(check for check in self.guardrails if check.verdict == "fail")

    @property
    def doubtful(self) -> tuple[Check, ...]:
        """Guardrails that are known, and past their limit by what may be chance: nothing advances on them, gate or not."""
        return tuple(check for check in self.guardrails if check.usable and check.verdict == "inconclusive")

    @property
    def verdict(self) -> Verdict:
        """The gate's: pass only if there are checks and all passed; fail if any failed."""
        verdicts = {check.verdict for check in self.gate}
        if "fail" in verdicts:
            return "fail"
        return "pass" if verdicts == {"pass"} else "inconclusive"


def judge(evidence: Evidence | None, plan: Plan, stage: Stage, number: int, entered: datetime, now: datetime) -> Judged:
    """The checks of stage `number` of `plan`, entered then, from its evidence; without evidence all are inconclusive."""
    problem = _problem(evidence, plan, number)
    usable = None if problem else evidence
    wanted = WANTED[stage.gate]
    names = dict.fromkeys([*wanted, *(name for name in GUARDRAILS if usable and name in usable.measures)])
    checks = {name: _check(name, usable, problem, plan.limits, entered, now) for name in names}
    gate = [checks[name] for name in wanted]
    if stage.gate == "outcomes":
        gate.append(judge_outcomes(usable, problem, plan, entered, now))
    return Judged(tuple(one for name, one in checks.items() if name in GUARDRAILS), tuple(gate))


def _problem(evidence: Evidence | None, plan: Plan, number: int) -> str:
    if evidence is None:
        return "nothing was collected"
    if evidence.problem:
        return evidence.problem
    if evidence.plan != plan.digest:
        return "the evidence is of another plan"
    return "" if evidence.stage == number else f"the evidence is of stage {evidence.stage}"


def _check(
    name: str, evidence: Evidence | None, problem: str, limits: Limits, entered: datetime, now: datetime
) -> Check:
    measure = evidence.measures.get(name) if evidence is not None else None
    at_least, judged = JUDGED[name]
    if evidence is None:
        return Check(name, "inconclusive", f"{name}: {problem}", usable=False)
    if name == "error_rate" and measure is not None and not unusable(measure, 1, entered, now, limits.stale_after):
        chance = beyond_chance(measure.value * measure.rows, measure.rows, limits.max_error_rate)
        if measure.value > limits.max_error_rate and chance < GROSS:
            return Check(name, "fail", f"{measure.value:.1%} of {measure.rows:,} requests failed, without doubt")
    reason = unusable(measure, at_least(limits), entered, now, limits.stale_after)
    if measure is None or reason:
        return Check(name, "inconclusive", f"{name}: {reason}", usable=False)
    if name == "slowdown" and _quick(evidence.measures.get("p99"), limits, entered, now):
        return Check(
            name, "pass", f"99 of 100 answers come within {limits.slow_from * 1000:g} ms, whatever the champion takes"
        )
    verdict, said = judged(measure, limits)
    return Check(name, verdict, said)


def _quick(p99: Measure | None, limits: Limits, entered: datetime, now: datetime) -> bool:
    if p99 is None or unusable(p99, limits.min_requests, entered, now, limits.stale_after):
        return False
    return p99.value <= limits.slow_from


def _error_rate(measure: Measure, limits: Limits) -> tuple[Verdict, str]:
    if not 0 <= measure.value <= 1:
        return "inconclusive", f"error_rate: {measure.value} is no share"
    return _at_most(measure.value, limits.max_error_rate), (
        f"{measure.value:.2%} of {measure.rows:,} requests failed, {limits.max_error_rate:.2%} are allowed"
    )


def _p99(measure: Measure, limits: Limits) -> tuple[Verdict, str]:
    if measure.value < 0:
        return "inconclusive", f"p99: {measure.value} seconds is no time"
    said = f"99 of 100 answers came within {measure.value * 1000:.0f} ms, {limits.max_p99 * 1000:.0f} ms are allowed"
    return _at_most(measure.value, limits.max_p99), said


def _slowdown(measure: Measure, limits: Limits) -> tuple[Verdict, str]:
    said = f"its answers take {measure.value:+.0%} as long as the champion's, {limits.max_slowdown:+.0%} is allowed"
    return _at_most(measure.value, limits.max_slowdown), said


def _score_shift(measure: Measure, limits: Limits) -> tuple[Verdict, str]:
    said = f"its scores differ from the champion's by {measure.value:.3f}, {limits.max_score_shift:g} is allowed"
    return _at_most(measure.value, limits.max_score_shift), said


def _auc_degradation(measure: Measure, limits: Limits) -> tuple[Verdict, str]:
    """Fails only where the loss is beyond the limit and, at the plan's level over all looks, beyond chance."""
    chance = always_valid_bound(measure.error, limits.max_auc_degradation, limits.false_rollbacks)
    said = f"AUC {measure.value:+.3f} worse (chance: {chance:.3f}), {limits.max_auc_degradation:g} is allowed"
    if measure.value <= limits.max_auc_degradation:
        return "pass", said
    return ("fail" if measure.value > chance else "inconclusive"), said


def _realised_auc_loss(measure: Measure, limits: Limits) -> tuple[Verdict, str]:
    """As `_auc_degradation`, of outcomes that have come; no gate waits for it, since they come weeks late."""
    verdict, said = _auc_degradation(measure, limits)
    return verdict, f"by {measure.rows:,} outcomes that training could not know, {said}"


def _latency_increase(measure: Measure, limits: Limits) -> tuple[Verdict, str]:
    said = f"answers take {measure.value:+.1%} as long, {limits.max_latency_increase:+.1%} is allowed"
    return _at_most(measure.value, limits.max_latency_increase), said


def _gain(what: str) -> Callable[[Measure, Limits], tuple[Verdict, str]]:
    def judged(measure: Measure, limits: Limits) -> tuple[Verdict, str]:
        said = f"{what} {measure.value:+.4f} against the champion's on {measure.rows:,} mirrored customers"
        return ("pass" if measure.value > 0 else "fail"), said

    return judged


def _healthy(measure: Measure, limits: Limits) -> tuple[Verdict, str]:
    if measure.value == 1:
        return "pass", "the package is verified, loaded, and answers its golden rows"
    return "fail", "the health check failed"


def _at_most(value: float, limit: float) -> Verdict:
    return "pass" if value <= limit else "fail"


def _requests(limits: Limits) -> int:
    return limits.min_requests


def _outcomes(limits: Limits) -> int:
    return limits.min_outcomes


JUDGED: dict[str, tuple[Callable[[Limits], int], Callable[[Measure, Limits], tuple[Verdict, str]]]] = {
    "error_rate": (_requests, _error_rate),
    "p99": (_requests, _p99),
    "slowdown": (_requests, _slowdown),
    "score_shift": (_requests, _score_shift),
    "auc_degradation": (_outcomes, _auc_degradation),
    "realised_auc_loss": (_outcomes, _realised_auc_loss),
    "latency_increase": (_requests, _latency_increase),
    "auc_gain": (_outcomes, _gain("AUC")),
    "f1_gain": (_outcomes, _gain("F1")),
    "healthy": (lambda limits: 1, _healthy),
}
"""Metric → how many rows it needs, and what it says."""
