"""The five triggers: each looks at the evidence and answers yes or no, with its reason and the evidence it looked at.

What belongs here: when a trigger fires. What does not: which of them decides, the cooldown and the budget over all (`decision`).

To retrain is worth it only where there is something new to learn. The same drift seen again tomorrow brings no new outcome of the
changed world: those mature a label horizon later. So drift, decay and schedule fire once when an episode begins, and again, once it is
`relearn_after` old, whenever `min_new_outcomes` more outcomes observed since its onset have matured. Volume counts outcomes against the
size of what was learned: a thousand are a fifth of a small history and nothing beside a year of a large one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from churn_platform.drift.finding import SEVERITIES, Finding
from churn_platform.retraining.evidence import (
    DECAY,
    DRIFT,
    OUTCOMES_TABLE,
    RetrainingEvidence,
    acting,
    drift_episode,
    in_force,
)

if TYPE_CHECKING:
    from churn_platform.policies.monitoring import RetrainingPolicy

Trigger = Literal["business_event", "performance_decay", "drift_detected", "scheduled", "data_volume"]
STALE_AFTER = timedelta(days=3)
"""A report older than this says nothing about today: the reports are daily, and a weekend may pass before somebody repairs one."""
WEEK = timedelta(days=7)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one trigger says: whether it fires, why or why not, and the evidence ids it looked at."""

    trigger: Trigger
    fires: bool
    reason: str
    evidence: tuple[int, ...] = ()


def business_event(evidence: RetrainingEvidence) -> Answer:
    """A person asks for it and says why."""
    if evidence.reason is None:
        return Answer("business_event", False, "nobody asked for it")
    if not evidence.reason.strip():
        return Answer("business_event", False, "a retraining by hand needs a reason that a person can read")
    return Answer("business_event", True, f"asked for by hand: {evidence.reason.strip()}")


def performance_decay(evidence: RetrainingEvidence, policy: RetrainingPolicy) -> Answer:
    """Realised or estimated AUC has fallen below the policy's bound, persistently."""
    found = acting(in_force(evidence.reports, evidence.day, STALE_AFTER), DECAY)
    if not found:
        return Answer("performance_decay", False, "no acting finding of performance_decay or estimated_decay")
    return _fires("performance_decay", found, evidence, policy)


def drift_detected(evidence: RetrainingEvidence, policy: RetrainingPolicy) -> Answer:
    """Drift acts at the policy's severity or above."""
    least = SEVERITIES.index(policy.drift_detected.severity)
    reports = in_force(evidence.reports, evidence.day, STALE_AFTER)
    found = tuple(one for one in acting(reports, DRIFT) if SEVERITIES.index(one[1].severity) >= least)
    if not found:
        return Answer("drift_detected", False, f"no drift acts at {policy.drift_detected.severity} or above")
    return _fires("drift_detected", found, evidence, policy)


def scheduled(evidence: RetrainingEvidence, policy: RetrainingPolicy) -> Answer:
    """It is the weekly time, and something drifted in the week before."""
    rule = policy.scheduled
    weekday = WEEKDAYS[evidence.at.weekday()]
    if weekday != rule.weekday or evidence.at.time() < rule.at:
        return Answer(
            "scheduled", False, f"it is {weekday} {evidence.at:%H:%M}; the schedule is {rule.weekday} {rule.at:%H:%M}"
        )
    if not rule.requires_drift:
        return Answer("scheduled", True, f"it is {rule.weekday}")
    recent = [report for report in evidence.reports if timedelta(0) <= evidence.day - report.day <= WEEK]
    found = acting(recent, DRIFT | DECAY)
    if not found:
        return Answer(
            "scheduled",
            False,
            "skipped: nothing drifted in the week before, and a model that is right needs no successor",
        )
    return _fires("scheduled", found, evidence, policy)


def data_volume(evidence: RetrainingEvidence, policy: RetrainingPolicy) -> Answer:
    """Enough new outcomes have matured since the last training, in number and beside what was learned from."""
    last = evidence.last_training
    if last is None or last.rows is None:
        return Answer("data_volume", False, "nothing was trained before, so nothing can be new")
    needed = max(policy.data_volume.min_new_outcomes, round(policy.data_volume.min_new_share * last.rows))
    told = (
        f"{evidence.matured:,} outcomes matured since the training as of {last.as_of}; {needed:,} are worth a retraining "
        f"({policy.data_volume.min_new_share:.0%} of its {last.rows:,} rows, at least {policy.data_volume.min_new_outcomes:,})"
    )
    return Answer("data_volume", evidence.matured >= needed, told)


def broken_data(evidence: RetrainingEvidence) -> tuple[str, tuple[int, ...]] | None:
    """Why nothing may be learned from the data as they are, with the evidence ids; None where nothing is known to be broken.

    A broken schema, and outcomes that do not arrive: then a matured outcome says "stayed" of customers who left.
    """
    reports = in_force(evidence.reports, evidence.day, STALE_AFTER)
    found = [(report.sequence, finding) for report in reports for finding in report.findings if _breaks(finding)]
    if not found:
        return None
    _, first = found[0]
    return (
        f"the data are broken, and learning from them would teach the fault: {first.signal} of {first.subject}: {first.reason}",
        tuple(sorted({sequence for sequence, _ in found})),
    )


def _breaks(finding: Finding) -> bool:
    if finding.signal == "schema_drift":
        return finding.severity == "critical"
    if finding.signal in ("feed_late", "data_freshness"):
        return finding.severity == "critical" or (finding.violates and finding.subject.startswith(OUTCOMES_TABLE))
    return False


def _fires(
    trigger: Trigger, found: tuple[tuple[int, Finding], ...], evidence: RetrainingEvidence, policy: RetrainingPolicy
) -> Answer:
    """Yes if the episode is new, or enough of what was observed since its onset has matured; no with what is missing."""
    ids = tuple(sorted({sequence for sequence, _ in found}))
    worst = max((finding for _, finding in found), key=lambda finding: SEVERITIES.index(finding.severity))
    seen = f"{len(found)} acting finding{'s' if len(found) > 1 else ''}, as {worst.signal} of {worst.subject}: {worst.reason}"
    last, episode = evidence.last_training, drift_episode(evidence.reports, evidence.day, WEEK)
    if last is None or episode is None or last.as_of < episode.noticed:
        return Answer(trigger, True, seen, ids)
    needed = policy.data_volume.min_new_outcomes
    told = (
        f"{evidence.matured_since_onset:,} outcomes of customers observed since {episode.began} matured after the training "
        f"as of {last.as_of}"
    )
    ready = episode.began + policy.drift_detected.relearn_after
    if evidence.day < ready:
        waits = f"it can be learned from {ready} on, when outcomes of a whole cycle since {episode.began} have matured"
        return Answer(trigger, False, f"{seen}; trained for it already, and {waits}", ids)
    if evidence.matured_since_onset >= needed:
        return Answer(trigger, True, f"{seen}; {told}", ids)
    return Answer(
        trigger, False, f"{seen}; trained for it already, and only {told}: {needed:,} are needed to learn more", ids
    )
