"""From what was recorded to a retraining decision, and from a decision to what the training job is told.

What belongs here: gathering the evidence, recording every decision, and finding decisions that were not carried out. What does not:
the rule (`retraining/`), and the training itself (`flows/training`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.retraining.decision import MONTH, RetrainingDecision, retraining_decision
from churn_platform.retraining.evidence import PastTraining, RetrainingEvidence, drift_onset
from churn_platform.retraining.triggers import WEEK

if TYPE_CHECKING:
    from churn_platform.adapters.ops_store.records import Decision

KIND, DONE = "retraining", "retraining_done"
LOOK_BACK = timedelta(days=90)
"""How far back recorded findings are read: an episode of drift that is older has been trained for many times over."""


@dataclass(frozen=True)
class PendingRetraining:
    """A decision to retrain that no finished training answers yet."""

    sequence: int
    trigger: str
    as_of: date
    feature_set: str
    decided_at: datetime

    @property
    def config(self) -> dict[str, str]:
        """What the training job's first asset is told."""
        return {"feature_set": self.feature_set, "as_of": self.as_of.isoformat(), "decision": str(self.sequence)}


def decide_retraining(platform: Platform, day: date, reason: str | None = None) -> RetrainingDecision:
    """Ask whether to retrain as of `day`, and record the answer, also a no; the same evidence again is the same record.

    Args:
        platform: the installation; its clock says when the decision is taken.
        day: the newest day whose findings and outcomes count.
        reason: a person's, for a retraining by hand.
    """
    ops, policies = platform.ops, platform.policies
    champion = ops.champion(policies.governance.model)
    version = champion.version if champion is not None else None
    reports = [
        one for one in ops.findings(first_day=day - LOOK_BACK) if one.champion in (None, version) and one.day <= day
    ]
    trainings = past_trainings(platform, platform.now())
    last = trainings[-1] if trainings else None
    onset = drift_onset(reports, day, WEEK)
    decision = retraining_decision(
        RetrainingEvidence(
            day=day,
            at=platform.now(),
            champion=version,
            reports=reports,
            trainings=trainings,
            matured=0 if last is None else platform.warehouse.matured_outcomes(last.as_of, day),
            matured_since_onset=0
            if last is None or onset is None
            else platform.warehouse.matured_outcomes(last.as_of, day, onset),
            reason=reason,
        ),
        policies,
    )
    recorded = ops.record_decision(
        KIND,
        version or policies.governance.model,
        decision.outcome,
        decision.reasons,
        {**decision.to_dict(), "as_of": decision.as_of.isoformat(), "feature_set": _feature_set(platform, version)},
        actor=ACTOR,
        at=platform.now(),
        key=decision.key,
    )
    return replace(decision, sequence=recorded.ledger_sequence)


def past_trainings(platform: Platform, now: datetime) -> list[PastTraining]:
    """The trainings that were decided in the last month and every registered one, oldest first.

    A decision counts even if its model was never registered: it cost what a training costs, and learned what there was to learn.
    """
    models = platform.ops.models()
    registered = [
        PastTraining(
            model.registered_at, model.registration.as_of, _rows(platform, model.registration.training_data_digest), ""
        )
        for model in models
    ]
    decided = [
        PastTraining(decision.at, _day(decision.evidence["as_of"]), None, str(decision.evidence["trigger"]))
        for decision in platform.ops.decisions(kind=KIND, limit=10_000)
        if decision.outcome == "retrain" and now - decision.at < MONTH
    ]
    answered = {training.as_of for training in decided}
    rows = {training.as_of: training.rows for training in registered}
    newest_rows = registered[-1].rows if registered else None
    known = [replace(one, rows=rows.get(one.as_of, newest_rows)) for one in decided]
    return sorted(
        [*(one for one in registered if one.as_of not in answered), *known], key=lambda one: (one.at, one.as_of)
    )


def pending_retraining(platform: Platform) -> PendingRetraining | None:
    """The newest decision to retrain, if no finished training answers it: what a killed daemon or run has left to do."""
    decided = [one for one in platform.ops.decisions(kind=KIND, limit=1_000) if one.outcome == "retrain"]
    if not decided:
        return None
    newest = decided[-1]
    if platform.ops.decisions(kind=DONE, subject=_subject(newest.ledger_sequence), limit=1):
        return None
    return _pending(newest)


def pending_of(platform: Platform, decision: RetrainingDecision) -> PendingRetraining:
    """What the training job is told to carry out `decision`."""
    version = decision.champion
    return PendingRetraining(
        decision.sequence or 0,
        str(decision.trigger),
        decision.as_of,
        _feature_set(platform, version),
        platform.now(),
    )


def changed_on(platform: Platform, decision: str) -> date | None:
    """The day from which the retraining decision recorded as ledger entry `decision` takes the world to have changed, if it does."""
    if not decision:
        return None
    recorded = [one for one in platform.ops.decisions(kind=KIND, limit=10_000) if one.ledger_sequence == int(decision)]
    window: Any = recorded[-1].evidence.get("window") if recorded else None
    return _day(window["changed_on"]) if window and window["changed_on"] else None


def retraining_finished(
    platform: Platform, sequence: int, outcome: str, reasons: tuple[str, ...], model: str | None
) -> None:
    """Record what became of a decision to retrain: released, kept, archived, blocked, or rejected; once per decision."""
    platform.ops.record_decision(
        DONE,
        _subject(sequence),
        outcome,
        reasons,
        {"decision": sequence, "model": model},
        actor=ACTOR,
        at=platform.now(),
    )


def record_release_finding(platform: Platform, outcome: str, reasons: tuple[str, ...], day: date) -> None:
    """What became of a trained model as a finding: a gate that kept it out becomes a ticket, anything else lets that ticket rest."""
    from churn_platform.drift.finding import Finding, Window

    blocked = outcome in ("blocked", "rejected", "failed")
    champion = platform.ops.champion(platform.policies.governance.model)
    finding = Finding(
        signal="release_blocked",
        subject="model",
        severity="warning" if blocked else "ok",
        statistic="gates that did not open",
        value=1.0 if blocked else 0.0,
        threshold=1.0,
        window=Window(day, day, 1),
        reason="; ".join(reasons),
        remedy="Look at the model's report and at the gate's reasons: docs/runbooks/release_blocked.md",
        acts=blocked,
        evidence={"outcome": outcome},
    )
    version = champion.version if champion is not None else None
    platform.ops.record_findings(day, "release", version, [finding], actor=ACTOR, at=platform.now())


def _subject(sequence: int) -> str:
    return f"retraining:{sequence}"


def _pending(decision: Decision) -> PendingRetraining:
    evidence: Any = decision.evidence
    return PendingRetraining(
        decision.ledger_sequence,
        str(evidence["trigger"]),
        _day(evidence["as_of"]),
        str(evidence["feature_set"]),
        decision.at,
    )


def _feature_set(platform: Platform, version: str | None) -> str:
    """The champion's: its successor answers the same question from the same columns."""
    return (
        platform.policies.training.feature_set
        if version is None
        else platform.ops.model(version).registration.feature_set
    )


def _rows(platform: Platform, training_set: str) -> int | None:
    """Rows of a stored training set, from its file's own count; None where the file is gone."""
    from churn_platform.adapters.training_sets import stored_rows

    return stored_rows(platform.settings.training_sets, training_set)


def _day(text: Any) -> date:
    return date.fromisoformat(str(text))
