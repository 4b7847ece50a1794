"""Who becomes champion: the decision, as a value with its reasons.

What belongs here: the rule that turns gate verdicts, the comparison's outcome and the incumbent into a release decision. What does
not: judging the model (`evaluation/gate`), comparing it (`evaluation/comparison`), and carrying the decision out
(`adapters/ops_store`, compare-and-swap on the expected champion).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

ReleaseOutcome = Literal["release", "blocked", "needs_comparison", "keep", "archive"]
"""`keep` and `archive` leave the champion where it is: after a tie, and after a loss."""


class GateCheckLike(Protocol):
    """One check of a gate: what it looked at and how it came out."""

    @property
    def name(self) -> str:
        """Name of the check."""
        ...

    @property
    def verdict(self) -> str:
        """`pass`, `fail` or `inconclusive`."""
        ...

    @property
    def reason(self) -> str:
        """Why, for a person."""
        ...


class GateDecisionLike(Protocol):
    """A gate's verdict over its checks."""

    @property
    def gate(self) -> str:
        """Name of the gate."""
        ...

    @property
    def verdict(self) -> str:
        """`pass`, `fail` or `inconclusive`."""
        ...

    @property
    def checks(self) -> Sequence[GateCheckLike]:
        """What was checked; a gate that checked nothing has not passed."""
        ...


@dataclass(frozen=True, slots=True)
class ReleaseDecision:
    """What happens to a newly trained model, and why, in sentences."""

    outcome: ReleaseOutcome
    reasons: tuple[str, ...]


ModelState = Literal[
    "candidate", "challenger", "champion", "former_champion", "retired", "tied", "archived", "blocked", "rolled_back"
]
"""candidate: registered, not compared yet. challenger: compared, and on its way or not decided. rolled_back: its rollout sent it
back. champion; former_champion: the way back, until it is retired. tied: no better than the champion, which stayed. archived: it
lost. blocked: a gate did not open."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is recorded of a registered model: its reign, whether it was compared, and the last release decision on it."""

    is_champion: bool
    was_champion_until: datetime | None
    compared: bool
    outcome: str | None
    rolled_back: bool = False


def model_state(facts: ModelFacts, now: datetime, retired_after: timedelta) -> ModelState:
    """Where a registered model stands. A state is read off the records, so it cannot contradict them.

    >>> from datetime import UTC
    >>> ended = datetime(2026, 1, 1, tzinfo=UTC)
    >>> model_state(ModelFacts(False, ended, True, "release"), datetime(2026, 6, 1, tzinfo=UTC), timedelta(days=90))
    'retired'
    """
    if facts.is_champion:
        return "champion"
    if facts.rolled_back:
        return "rolled_back"
    if facts.was_champion_until is not None:
        return "retired" if now - facts.was_champion_until >= retired_after else "former_champion"
    if facts.outcome == "archive":
        return "archived"
    if facts.outcome == "keep":
        return "tied"
    if facts.outcome == "blocked":
        return "blocked"
    return "challenger" if facts.compared else "candidate"


def first_release_decision(
    evaluation_gate: GateDecisionLike | None, deployment_gate: GateDecisionLike | None, incumbent: str | None
) -> ReleaseDecision:
    """Decide over a model that has never been champion, from its two gates and the `incumbent` version (None: there is
    no champion yet).

    `release` only if both gates passed, on at least one check each, and there is nobody to compare with; with an
    incumbent the answer is `needs_comparison`; everything else, a missing gate and an unknown verdict included, is
    `blocked`.
    """
    problems = [*_problems("evaluation", evaluation_gate), *_problems("deployment", deployment_gate)]
    if incumbent is not None and not incumbent.strip():
        problems.append(
            "The incumbent's version is blank: pass the champion's version, or None if there has never been one."
        )
    if problems:
        return ReleaseDecision("blocked", tuple(problems))
    if incumbent is not None:
        reason = f"Both gates passed, and {incumbent} is champion: compare the two on the same holdout rows first."
        return ReleaseDecision("needs_comparison", (reason,))
    reason = (
        "There is no champion yet: the first model that passes the evaluation and deployment gates is released at once."
    )
    return ReleaseDecision("release", (reason,))


def successor_decision(
    evaluation_gate: GateDecisionLike | None,
    deployment_gate: GateDecisionLike | None,
    incumbent: str,
    comparison: str | None,
) -> ReleaseDecision:
    """Decide over a model that would succeed the champion `incumbent`, from its gates and the comparison's outcome.

    `comparison` is `wins`, `tie`, `loses` or `blocked`, None where the two were never compared. Only a win that passed both gates is
    released; any other word, a missing gate and a gate that says anything but pass leave the champion where it is.
    """
    if not incumbent.strip():
        return ReleaseDecision("blocked", ("The incumbent's version is blank: a successor succeeds somebody.",))
    judged = _problems("evaluation", evaluation_gate)
    if judged:
        return ReleaseDecision("blocked", tuple(judged))
    if comparison is None:
        reason = f"{incumbent} is champion and stays: a successor must first win on the same holdout rows"
        return ReleaseDecision("needs_comparison", (reason,))
    if comparison == "tie":
        return ReleaseDecision(
            "keep", (f"{incumbent} stays champion: the comparison is a tie, and a switch has a cost",)
        )
    if comparison == "loses":
        return ReleaseDecision("archive", (f"{incumbent} stays champion: the challenger lost, and is archived",))
    if comparison != "wins":
        reason = (
            f"{incumbent} stays champion: the comparison says {comparison!r}, and only a win that counts is released"
        )
        return ReleaseDecision("blocked", (reason,))
    problems = _problems("deployment", deployment_gate)
    if problems:
        return ReleaseDecision("blocked", tuple(problems))
    return ReleaseDecision("release", (f"It won against {incumbent} on the same rows, and passed all gates.",))


def _problems(expected_gate: str, decision: GateDecisionLike | None) -> list[str]:
    if decision is None:
        return [f"The {expected_gate} gate has no recorded verdict: run it before the release."]
    if decision.gate != expected_gate:
        return [f"A verdict of the {decision.gate!r} gate was given where the {expected_gate} gate's belongs."]
    unpassed = [check for check in decision.checks if check.verdict != "pass"]
    if decision.verdict != "pass":
        why = [f"{check.name}: {check.reason}" for check in unpassed] or ["no check says why"]
        return [f"The {expected_gate} gate says {decision.verdict!r}: {line}" for line in why]
    if not decision.checks:
        return [
            f"The {expected_gate} gate passed without a single check: a gate that looked at nothing has not passed."
        ]
    return [
        f"The {expected_gate} gate says 'pass', but its check {check.name!r} says {check.verdict!r}: {check.reason}"
        for check in unpassed
    ]
