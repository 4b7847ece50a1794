"""The retraining decision: which trigger fired on which evidence, what would be trained on, or why nothing is.

What belongs here: the order of the triggers, the cooldown and the budget over all of them, the window, and the decision's identity.
What does not: when a single trigger fires (`triggers`).
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from churn_platform.governance.canonical import canonical_json
from churn_platform.retraining import triggers
from churn_platform.retraining.evidence import RetrainingEvidence, drift_onset
from churn_platform.retraining.triggers import WEEK, Answer, Trigger

if TYPE_CHECKING:
    from churn_platform.policies import Policies

MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class DataWindow:
    """What a training would learn from: observations of first..last whose outcomes have matured by `last`.

    `changed_on` is the earliest day on which a change that acts now can have begun; `matured_after_change` how many outcomes of
    customers observed since then are new to learn from, and `thin` says that they are too few to learn the changed world from.
    """

    first: date
    last: date
    new_outcomes: int
    changed_on: date | None
    matured_after_change: int
    thin: bool


@dataclass(frozen=True)
class RetrainingDecision:
    """Whether to train, and everything that was considered. `sequence` is the ledger entry that recorded it, once it is."""

    retrain: bool
    trigger: Trigger | None
    reasons: tuple[str, ...]
    evidence: tuple[int, ...]
    window: DataWindow
    considered: tuple[Answer, ...]
    champion: str | None
    key: str
    sequence: int | None = None

    @property
    def outcome(self) -> str:
        """`retrain` or `skip`."""
        return "retrain" if self.retrain else "skip"

    @property
    def as_of(self) -> date:
        """The day as of which the training learns."""
        return self.window.last

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, for the record."""
        window = {
            name: value.isoformat() if isinstance(value, date) else value for name, value in asdict(self.window).items()
        }
        return {
            "trigger": self.trigger,
            "evidence": list(self.evidence),
            "window": window,
            "considered": [{**asdict(answer), "evidence": list(answer.evidence)} for answer in self.considered],
            "champion": self.champion,
        }


def retraining_decision(evidence: RetrainingEvidence, policies: Policies) -> RetrainingDecision:
    """Ask every trigger, and decide.

    A person's word goes first and needs no cooldown. The others wait for repaired data, for the cooldown after the last training, and
    for the month's budget of retrainings. The first trigger that fires, in the order of `Trigger`, gives its name; all answers are kept.
    """
    policy = policies.retraining
    by_hand = triggers.business_event(evidence)
    automatic = (
        triggers.performance_decay(evidence, policy),
        triggers.drift_detected(evidence, policy),
        triggers.scheduled(evidence, policy),
        triggers.data_volume(evidence, policy),
    )
    considered = (by_hand, *automatic)
    fired = next((answer for answer in automatic if answer.fires), None)
    cited = fired.evidence if fired is not None else tuple(sorted({i for answer in automatic for i in answer.evidence}))
    reasons: tuple[str, ...]
    if by_hand.fires:
        fired, reasons, cited = by_hand, (by_hand.reason,), cited
    elif fired is None:
        reasons = tuple(f"{answer.trigger}: {answer.reason}" for answer in automatic)
    else:
        held, ids = _held_back(evidence, policies)
        cited = tuple(sorted({*cited, *ids}))
        reasons = (f"{fired.trigger}: {fired.reason}", *held)
        if held:
            fired = None
    window = _window(evidence, policies)
    if fired is not None and window.thin:
        reasons = (*reasons, _thin(window, policies))
    decided = fired is not None
    return RetrainingDecision(
        retrain=decided,
        trigger=fired.trigger if fired is not None else None,
        reasons=reasons,
        evidence=cited,
        window=window,
        considered=considered,
        champion=evidence.champion,
        key=_key(evidence, considered, reasons, decided),
    )


def _held_back(evidence: RetrainingEvidence, policies: Policies) -> tuple[list[str], tuple[int, ...]]:
    """What keeps a trigger that fired from starting a training."""
    held: list[str] = []
    broken = triggers.broken_data(evidence)
    if broken is not None:
        held.append(f"held back: {broken[0]}")
    last, cooldown = evidence.last_training, policies.retraining.drift_detected.cooldown
    if last is not None and evidence.at - last.at < cooldown:
        held.append(f"held back: the last training began {last.at:%Y-%m-%d %H:%M}, less than {_hours(cooldown)} ago")
    recent = [training for training in evidence.trainings if evidence.at - training.at < MONTH]
    most = int(policies.drift.cost.retrainings)
    if len(recent) >= most:
        held.append(
            f"held back: {len(recent)} trainings in {MONTH.days} days are the budget (drift.cost.retrainings); the oldest leaves it "
            f"on {(recent[0].at + MONTH):%Y-%m-%d}"
        )
    return held, broken[1] if broken is not None else ()


def _window(evidence: RetrainingEvidence, policies: Policies) -> DataWindow:
    onset = drift_onset(evidence.reports, evidence.day, WEEK)
    few = evidence.matured_since_onset < policies.training.recency.min_rows
    return DataWindow(
        first=evidence.day - policies.training.window,
        last=evidence.day,
        new_outcomes=evidence.matured,
        changed_on=onset,
        matured_after_change=evidence.matured_since_onset,
        thin=onset is not None and few,
    )


def _thin(window: DataWindow, policies: Policies) -> str:
    return (
        f"too thin to learn the change from: {window.matured_after_change:,} outcomes of customers observed since {window.changed_on} have "
        f"matured, and {policies.training.recency.min_rows:,} are needed; what is trained now knows the world before it"
    )


def _key(evidence: RetrainingEvidence, considered: tuple[Answer, ...], reasons: tuple[str, ...], retrain: bool) -> str:
    """The decision's identity: the day, the champion, and what was seen. Looking again at the same evidence is the same decision."""
    seen = {
        "day": evidence.day.isoformat(),
        "champion": evidence.champion,
        "last_training": evidence.last_training.at.isoformat() if evidence.last_training else None,
        "retrain": retrain,
        "answers": [[answer.trigger, answer.fires, list(answer.evidence)] for answer in considered],
        "reasons": list(reasons) if considered[0].fires else [reason.split(":")[0] for reason in reasons],
    }
    return f"retraining:{evidence.day.isoformat()}:{hashlib.sha256(canonical_json(seen).encode()).hexdigest()[:24]}"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:g} hours"
