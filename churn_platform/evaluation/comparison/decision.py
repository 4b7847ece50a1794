"""Which of the five outcomes a comparison has: wins, tie, loses, blocked, or first release.

What belongs here: the rule from a comparison and its gate to an outcome with reasons. What does not: measuring (`comparison`), and
what is done about it (`promotion`, flows).

The challenger wins with a weighted score of at least `min_gain` that is no chance, an AUC that is not inferior by its paired interval,
and a retained value that is not worse. That a gain is no chance is shown by the score's own paired interval above zero, or by AUC's,
beside DeLong's test at the same confidence: F1 at a threshold is noisier than a ranking, and must not hide one that is better. It loses
where the score or the AUC is worse by more than the policy's margin, or the money by more than the clip, each beyond chance. Everything
between is a tie: the champion stays, since a switch has a cost and no known gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from churn_platform.evaluation.comparison.comparison import Comparison
from churn_platform.evaluation.gate.decision import GateDecision, decide

if TYPE_CHECKING:
    from churn_platform.policies.releasing import ChampionChallengerPolicy

ComparisonOutcome = Literal["wins", "tie", "loses", "blocked", "first_release"]


@dataclass(frozen=True, slots=True)
class ComparisonDecision:
    """What the comparison says of the challenger, and why, in sentences."""

    outcome: ComparisonOutcome
    reasons: tuple[str, ...]


def first_release(version: str) -> ComparisonDecision:
    """There is nobody to compare `version` with."""
    return ComparisonDecision("first_release", (f"there is no champion that {version} could be compared with",))


def comparison_decision(
    comparison: Comparison | None, gate: GateDecision, policy: ChampionChallengerPolicy
) -> ComparisonDecision:
    """The outcome; `blocked` wherever the gate did not pass, whatever the figures say."""
    judged = decide(gate.gate, gate.checks)
    if gate.gate != "comparison" or not (gate.passed and judged.passed) or comparison is None:
        reasons = judged.reasons or (f"the {gate.gate} gate says {gate.verdict}, and there is no comparison to go by",)
        return ComparisonDecision("blocked", tuple(f"the comparison does not count: {reason}" for reason in reasons))
    score, auc, value = comparison.score, comparison.auc.difference, comparison.value.difference
    tolerated = policy.max_value_loss * abs(comparison.value.champion.value)
    told = _told(comparison)
    worse = []
    if score.value <= -policy.min_gain and score.high < 0.0:
        worse.append(
            f"the weighted score {_signed(score.value)} is at or below -{policy.min_gain:g}, beyond chance; {told}"
        )
    by_chance = comparison.delong_p > 1.0 - policy.score_confidence
    if auc.value <= -policy.auc_margin and auc.high < 0.0 and not by_chance:
        worse.append(f"AUC is lower by {-auc.value:.4f}, more than {policy.auc_margin:g} and beyond chance; {told}")
    if value.value < -policy.clip * abs(comparison.value.champion.value) and value.high < 0.0:
        worse.append(f"it retains {-value.value:,.0f} USD less per 1,000 customers, beyond chance; {told}")
    if worse:
        return ComparisonDecision("loses", tuple(worse))
    missing = []
    if score.value < policy.min_gain:
        missing.append(f"the weighted score {_signed(score.value)} is below {policy.min_gain:g}; {told}")
    elif score.low <= 0.0 and (by_chance or auc.low <= 0.0):
        missing.append(
            f"the weighted score {_signed(score.value)} may be chance: its interval reaches {_signed(score.low)}, "
            f"and AUC may be equal; {told}"
        )
    if auc.low <= -policy.auc_margin:
        missing.append(
            f"AUC may be inferior: its paired interval reaches {auc.low:+.4f}, the margin is {policy.auc_margin:g}; {told}"
        )
    if value.value < -tolerated:
        missing.append(f"it retains {-value.value:,.0f} USD less per 1,000 customers than the champion; {told}")
    if missing:
        return ComparisonDecision("tie", tuple(missing))
    return ComparisonDecision(
        "wins", (f"the weighted score {_signed(score.value)} is at least {policy.min_gain:g}; {told}",)
    )


def _signed(value: float) -> str:
    return f"{value:+.4f}"


def _told(of: Comparison) -> str:
    return (
        f"AUC {of.auc.challenger.value:.4f} against {of.auc.champion.value:.4f} "
        f"(difference {of.auc.difference.low:+.4f} to {of.auc.difference.high:+.4f}), "
        f"retained value {of.value.challenger.value:,.0f} against {of.value.champion.value:,.0f} USD per 1,000 customers, "
        f"on {of.rows:,} rows of {of.first_day} to {of.last_day}"
    )
