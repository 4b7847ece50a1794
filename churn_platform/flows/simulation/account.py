"""A simulated life, told: what happened on which day, beside the truth that only the simulation knows.

What belongs here: gathering what the stores and the journal recorded into one dated list. What does not: its wording for people
(`cli/simulate_text.py`). This is the one flow that may read the truth: it judges the platform and feeds nothing back into it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median
from typing import Any

from churn_platform.adapters.life_journal import LifeJournal, Step
from churn_platform.adapters.platform import Platform
from churn_platform.flows.simulation.life import FIRST_TRAINING, HISTORY, JOB, LIVED, TRAINING

DATASET = "daily_scores"


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened on `day`, and went on until `until`: its kind, one line for people, and the figures."""

    day: date
    kind: str
    text: str
    until: date | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        until = {"until": self.until.isoformat()} if self.until is not None and self.until != self.day else {}
        return {"date": self.day.isoformat(), **until, "kind": self.kind, "text": self.text, **self.facts}


def life_account(platform: Platform, days: int) -> dict[str, Any]:
    """What happened on the first `days` live days, JSON-able.

    Returns:
        the world, days lived, `events` by date, `truth` (what changed when, and by day the AUC of the published scores beside the best that
        the champion's columns allow and the best of all, each expected under the true probabilities), `seconds`, and where to look.
    """
    from churn_platform.adapters.snapshots import partitions
    from churn_platform.adapters.world_choice import load_scenario, read_world_choice

    calendar, choice = platform.calendar, read_world_choice(platform.settings)
    wanted = calendar.live_days[:days]
    last = wanted[-1]
    steps = [step for step in LifeJournal(platform.settings).steps() if step.day <= last]
    lived = [step.day for step in steps if step.name == LIVED]
    published = [day for day in partitions(platform.settings.published, DATASET) if day <= last.isoformat()]
    champion = platform.ops.champion(platform.policies.governance.model)
    tickets = [one for one in platform.ops.tickets() if one.opened_at.date() <= last]
    return {
        "scenario": load_scenario(choice.scenario).name,
        "customers": choice.customers,
        "seed": choice.seed,
        "home": str(platform.settings.home),
        "simulated": True,
        "first_live_day": calendar.live_from.isoformat(),
        "last_live_day": last.isoformat(),
        "days_lived": len(lived),
        "days_published": len(published),
        "champion_version": champion.version if champion is not None else None,
        "open_tickets": sum(not ticket.resolved for ticket in tickets),
        "events": [happening.to_dict() for happening in _happenings(platform, steps, last)],
        "truth": _truth(platform, lived, published),
        "seconds": _seconds(steps),
        "reports": _reports(platform),
    }


def _happenings(platform: Platform, steps: Sequence[Step], last: date) -> list[Happening]:
    """Everything, by date; on a day in the order of a day."""
    ops, model = platform.ops, platform.policies.governance.model
    found = [
        *_failed_runs(steps),
        *_findings(platform, last),
        *(
            Happening(
                event.at.date(), "ticket", f"{ticket.ticket} {event.kind}: {ticket.title}", None, _of_ticket(ticket)
            )
            for ticket in ops.tickets()
            for event in ops.ticket_events(ticket.ticket)
            if event.kind not in ("fired", "cause_named")
        ),
        *(
            Happening(
                decision.at.date(),
                "decision",
                f"{decision.kind.replace('_', ' ')} of {decision.subject}: {decision.outcome}: {'; '.join(decision.reasons)}",
                None,
                {
                    "decision": decision.kind,
                    "subject": decision.subject,
                    "outcome": decision.outcome,
                    "reasons": list(decision.reasons),
                    "evidence_id": decision.ledger_sequence,
                },
            )
            for decision in ops.decisions(limit=100_000)
            if not (decision.kind == "retraining" and decision.outcome == "skip")
        ),
        *_trainings(steps),
        *(
            Happening(
                champion.since.date(),
                "release",
                f"{champion.version} is champion after {champion.previous or 'nobody'}: {champion.reason}",
                None,
                {"version": champion.version, "previous": champion.previous, "reason": champion.reason},
            )
            for champion in ops.champion_history(model)
        ),
        *(
            Happening(
                event.at.date(),
                "rollout",
                f"{rollout.rollout} of {rollout.plan.challenger} {event.kind.replace('_', ' ')}: {'; '.join(event.reasons)}",
                None,
                {"rollout": rollout.rollout, "event": event.kind, "challenger": rollout.plan.challenger},
            )
            for rollout in ops.rollouts(model)
            for event in rollout.events
        ),
        *_change(platform),
    ]
    kinds = ("change", "failed_run", "finding", "ticket", "training", "decision", "rollout", "release")
    return sorted((one for one in found if one.day <= last), key=lambda one: (one.day, kinds.index(one.kind)))


def _of_ticket(ticket: Any) -> dict[str, Any]:
    return {"ticket": ticket.ticket, "severity": ticket.severity, "owner": ticket.owner, "state": ticket.state}


def _change(platform: Platform) -> Iterator[Happening]:
    """The change that the scenario makes, where there is one and it has come."""
    from churn_platform.adapters.truth_files import read_day_truth

    newest = read_day_truth(platform.settings).iloc[-1]
    changed = newest["changed_on"]
    if changed == changed and changed is not None:  # NaT is not itself: nothing ever changes
        day = changed.date()
        text = f"the world changes: {newest['cause']} (the truth; the platform is not told)"
        yield Happening(day, "change", text, None, {"cause": str(newest["cause"])})


def _failed_runs(steps: Iterable[Step]) -> Iterator[Happening]:
    """Runs that failed, those of successive days for the same reason as one."""
    spans: dict[tuple[str, str, str], Happening] = {}
    for step in steps:
        if "reason" not in step.facts or step.name not in (HISTORY, FIRST_TRAINING, JOB, TRAINING):
            continue
        job, at, reason = (str(step.facts[name]) for name in ("job", "failed_step", "reason"))
        key = (job, at, _without_figures(reason))
        span = spans.get(key)
        if span is not None and span.until is not None and (step.day - span.until).days == 1:
            spans[key] = Happening(
                span.day, span.kind, span.text, step.day, {**span.facts, "runs": span.facts["runs"] + 1}
            )
            continue
        if span is not None:
            yield span
        facts = {"job": job, "failed_step": at, "reason": reason, "runs": 1}
        spans[key] = Happening(step.day, "failed_run", f"{job} stopped at {at}: {_first_line(reason)}", step.day, facts)
    yield from spans.values()


def _findings(platform: Platform, last: date) -> Iterator[Happening]:
    """Findings that acted, as episodes: one signal on one subject, on days no more than a week apart."""
    open_episodes: dict[tuple[str, str], Happening] = {}
    for record in sorted(platform.ops.findings(), key=lambda one: (one.day, one.sequence)):
        if record.day > last:
            continue
        for finding in record.findings:
            if not finding.acts:
                continue
            key = (finding.signal, finding.subject)
            episode = open_episodes.get(key)
            if episode is not None and episode.until is not None and (record.day - episode.until).days <= 7:
                worst = "critical" if "critical" in (finding.severity, episode.facts["severity"]) else finding.severity
                facts = {**episode.facts, "days": episode.facts["days"] + 1, "severity": worst}
                open_episodes[key] = Happening(episode.day, "finding", episode.text, record.day, facts)
                continue
            if episode is not None:
                yield episode
            facts = {
                "signal": finding.signal,
                "subject": finding.subject,
                "severity": finding.severity,
                "statistic": finding.statistic,
                "value": finding.value,
                "threshold": finding.threshold,
                "days": 1,
                "evidence_id": record.sequence,
            }
            text = f"{finding.signal.replace('_', ' ')} of {finding.subject}: {finding.reason}"
            open_episodes[key] = Happening(record.day, "finding", text, record.day, facts)
    yield from open_episodes.values()


def _trainings(steps: Iterable[Step]) -> Iterator[Happening]:
    for step in steps:
        if step.name in (FIRST_TRAINING, TRAINING) and "reason" not in step.facts:
            what = "first training" if step.name == FIRST_TRAINING else "training"
            yield Happening(
                step.day, "training", f"{what}, {step.seconds:.0f} s", None, {"seconds": round(step.seconds, 1)}
            )


def _truth(platform: Platform, lived: Sequence[date], published: Sequence[str]) -> dict[str, Any]:
    """What changed when and why, and day by day how well anybody could have ranked, beside how well the published scores did."""
    from churn_platform.adapters.snapshots import read_snapshot
    from churn_platform.adapters.truth_files import read_customer_truth, read_day_truth
    from churn_platform.simulation.achieved import expected_auc

    days = read_day_truth(platform.settings)
    days = days[days["day"].dt.date.isin(set(lived))]
    achieved: dict[str, float | None] = {}
    for day in published:
        scores = read_snapshot(platform.settings.published, DATASET, day)[0][["customer_id", "probability"]]
        known = read_customer_truth(platform.settings, [date.fromisoformat(day)]).merge(scores, on="customer_id")
        auc = expected_auc(known["probability"].to_numpy(), known["leave_probability"].to_numpy())
        achieved[day] = None if math.isnan(auc) else round(auc, 4)
    if not len(days):
        return {"cause": None, "changed_on": None, "days": []}
    newest = days.iloc[-1]
    changed = newest["changed_on"]
    achievable = _achievable(platform, sorted(days["day"].dt.date))
    return {
        "cause": str(newest["cause"]),
        "changed_on": changed.date().isoformat() if changed == changed and changed is not None else None,
        "days": [
            {
                "date": (day := row["day"].date().isoformat()),
                "best_auc": None if math.isnan(row["best_auc"]) else round(row["best_auc"], 4),
                "achievable_auc": achievable.get(day),
                "auc": achieved.get(day),
                "observed": int(row["observed"]),
                "expected_leavers": round(float(row["expected_leavers"]), 2),
            }
            for row in days.to_dict("records")
        ],
    }


def _achievable(platform: Platform, days: Sequence[date]) -> dict[str, float]:
    """By day, the best that the columns of the policy's feature set allow; days without features or of one outcome are left out."""
    from churn_platform.adapters.truth_files import read_customer_truth
    from churn_platform.contracts.features import FEATURE_SETS
    from churn_platform.flows.simulation.achievable import achievable_auc

    chosen = FEATURE_SETS[platform.policies.training.feature_set]
    found = achievable_auc(
        platform.warehouse.features(chosen, days[0], days[-1]), read_customer_truth(platform.settings, days), chosen
    )
    return {day.isoformat(): round(auc, 4) for day, auc in found.items() if not math.isnan(auc)}


def _seconds(steps: Sequence[Step]) -> dict[str, Any]:
    """Seconds of the life: of its parts, and of a median day by stage."""
    by_name: dict[str, list[float]] = defaultdict(list)
    stages: dict[str, list[float]] = defaultdict(list)
    for step in steps:
        by_name[step.name].append(step.seconds)
        if step.name == JOB:
            for stage, seconds in step.facts.get("stages", {}).items():
                stages[stage].append(float(seconds))
    trained_on = {step.day for step in steps if step.name == TRAINING}
    quiet = [step for step in steps if step.name == LIVED and step.day not in trained_on]
    return {
        "history": round(sum(by_name[HISTORY]), 2),
        "trainings": round(sum(by_name[FIRST_TRAINING]) + sum(by_name[TRAINING]), 2),
        "days": round(sum(by_name[LIVED]), 2),
        "median_day": round(median(step.seconds for step in quiet), 3) if quiet else None,
        "median_day_processor": round(median(float(step.facts["processor_seconds"]) for step in quiet), 3)
        if quiet
        else None,
        "median_day_by_stage": {name: round(median(values), 3) for name, values in stages.items()},
    }


def _reports(platform: Platform) -> list[str]:
    """Every HTML page that was written, the newest last."""
    pages = sorted(platform.settings.reports.glob("**/*.html"), key=lambda page: page.stat().st_mtime)
    return [str(page) for page in pages]


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"


def _without_figures(text: str) -> str:
    """A reason without its numbers and dates: the same fault on two days reads the same."""
    return "".join(character for character in _first_line(text) if not character.isdigit())
