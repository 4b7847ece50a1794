"""A/B: customers are drawn to one model or the other, and what happens to them decides.

Belongs here: the plan's test, and the verdict on outcomes. Does not belong here: the boundaries (`sequential`), drawing (`assignment`).

The outcome is churn: the arm whose contacts are chosen by the better model loses fewer customers. The test may be looked at every day
(or every minute): its error is held over all looks. It ends when the plan's outcomes are known; without a win by then the champion stays.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from churn_platform.rollout.evidence import Arms, Evidence, out_of_time
from churn_platform.rollout.plan import OutcomeTest, Plan, PlanError, Stage
from churn_platform.rollout.sequential import (
    boundary,
    chi_squared_p,
    mismatch_p,
    outcomes_per_arm,
    z_of_rates,
)
from churn_platform.rollout.verdicts import Check

MISMATCH = 1e-4
"""Chance below which the arms are not what was drawn: a broken assignment, whose outcomes mean nothing. Looked at daily for a month, one
test in 300 or fewer."""


def outcome_test(
    base_rate: float, share: float, alpha: float, power: float, effect: float, min_sample: int
) -> OutcomeTest:
    """The test with the sample that its minimum detectable effect asks for, never under `min_sample` an arm.

    The smaller arm decides: at unequal shares each arm waits for as many.
    """
    if not 0 < share < 1:
        raise PlanError(f"a test needs two arms: {share:.0%} for the challenger leaves one")
    try:
        needed = outcomes_per_arm(base_rate, effect, alpha, power)
    except ValueError as error:
        raise PlanError(str(error)) from error
    return OutcomeTest(share, max(needed, min_sample), min_sample, alpha, power, effect)


def ab_stages(test: OutcomeTest, duration: timedelta, label_horizon: timedelta) -> tuple[Stage, ...]:
    """One stage at the treatment's share, until the outcomes decide; outcomes may come a label horizon late."""
    return (Stage("test", test.treatment_share, duration, "outcomes", duration + label_horizon, decides_early=True),)


def judge_outcomes(evidence: Evidence | None, problem: str, plan: Plan, entered: datetime, now: datetime) -> Check:
    """Whether the challenger's customers left less: pass it won, fail it lost or did not win by the full sample."""
    test, arms = plan.outcome_test, evidence.arms if evidence is not None else None
    if test is None or arms is None:
        return Check("outcomes", "inconclusive", f"outcomes: {problem or 'they are missing'}")
    if reason := _unusable(arms, test, plan, entered, now):
        return Check("outcomes", "inconclusive", f"outcomes: {reason}")
    smaller = min(arms.champion_outcomes, arms.challenger_outcomes)
    z = z_of_rates(arms.challenger_churned, arms.challenger_outcomes, arms.champion_churned, arms.champion_outcomes)
    fraction = smaller / test.outcomes_per_arm
    bound = boundary(fraction, test.alpha)
    said = (
        f"{arms.challenger_churned / arms.challenger_outcomes:.1%} of {arms.challenger_outcomes:,} left, of the champion's "
        f"{arms.champion_outcomes:,} {arms.champion_churned / arms.champion_outcomes:.1%} (z {z:.2f}, decided at ±{bound:.2f} "
        f"after {fraction:.0%} of the sample; chi-squared p {chi_squared_p(z * z):.3f} if looked at once)"
    )
    if z >= bound:
        return Check("outcomes", "pass", f"it won: {said}")
    if z <= -bound:
        return Check("outcomes", "fail", f"it lost: {said}")
    if fraction >= 1:
        return Check("outcomes", "fail", f"no difference at the full sample, so the champion stays: {said}")
    return Check("outcomes", "inconclusive", f"undecided: {said}")


def _unusable(arms: Arms, test: OutcomeTest, plan: Plan, entered: datetime, now: datetime) -> str:
    counts = (
        (arms.champion, arms.champion_outcomes, arms.champion_churned),
        (arms.challenger, arms.challenger_outcomes, arms.challenger_churned),
    )
    for told in counts:
        if not all(isinstance(count, int) and not isinstance(count, bool) and math.isfinite(count) for count in told):
            return f"the counts {told} are not whole numbers"
        assigned, outcomes, churned = told
        if not 0 <= churned <= outcomes <= assigned:
            return f"{churned:,} churned of {outcomes:,} outcomes of {assigned:,} customers: the counts contradict each other"
    if old := out_of_time(arms.at, entered, now, plan.limits.stale_after):
        return old
    chance = mismatch_p(arms.challenger, arms.champion, test.treatment_share)
    if chance < MISMATCH:
        return (
            f"{arms.challenger:,} and {arms.champion:,} customers are not the draw of {test.treatment_share:.0%} (chance {chance:.1e}): "
            "the assignment is broken"
        )
    smaller = min(arms.champion_outcomes, arms.challenger_outcomes)
    return "" if smaller >= test.min_sample else f"{smaller:,} in the smaller arm, fewer than {test.min_sample:,}"
