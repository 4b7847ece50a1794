"""Why did it move? The causes of a day, ranked, from what is recorded and landed.

What belongs here: gathering evidence and the split of the shift, and handing both to the ranking. What does not: judging any of it
(`drift/root_cause`), and deciding that something moved (the reports).

It is asked on days with acting findings, or by a person for any day. Whatever cannot be read is noted in the ranking and never hides
what can be: on the day of a broken file there are no new scores, and yet the file itself says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from churn_platform.adapters.platform import Platform
from churn_platform.drift.root_cause.amounts import amount_evidence
from churn_platform.drift.root_cause.customers import customer_evidence
from churn_platform.drift.root_cause.declaration import declared_causes
from churn_platform.drift.root_cause.evidence import Evidence, strongest
from churn_platform.drift.root_cause.feeds import RECENT, feed_evidence
from churn_platform.drift.root_cause.ranking import CauseRanking, rank
from churn_platform.drift.root_cause.reported import outcome_evidence, reported_evidence
from churn_platform.drift.root_cause.service import service_evidence
from churn_platform.drift.root_cause.signals import Periods

if TYPE_CHECKING:
    from churn_platform.drift.finding import Finding
    from churn_platform.drift.root_cause.raw import RawSignals
    from churn_platform.drift.root_cause.split import Split

LONGEST_REFERENCE = timedelta(120)
"""Days of the reference that are read: four billing cycles say what is usual, and more would only take longer."""


@dataclass(frozen=True)
class Reference:
    """The days that are taken as usual, and which champion they belong to (blank: none yet)."""

    first: date
    last: date
    champion: str


def rank_causes(platform: Platform, day: date, extra: Sequence[Evidence] = ()) -> CauseRanking:
    """The causes of what moved up to `day`, the likeliest first; `unknown` where nothing explains it.

    Args:
        platform: the installation.
        day: the day asked about; nothing known later is used.
        extra: evidence that the caller has at hand already (a report that saw its estimates fail).

    Raises:
        WarehouseError: there is no warehouse to read.
    """
    reference = reference_days(platform, day)
    file = platform.warehouse.path.stat()
    found = [
        *_believable(platform, day, _raw_evidence(platform.warehouse.path, file.st_mtime_ns, reference, day)),
        *reported_evidence(_file_findings(platform, day)),
        *_own_changes(platform, reference.champion, day),
        *outcome_evidence(_drift_findings(platform, day)),
        *extra,
    ]
    splits: dict[str, Split] = {}
    notes: tuple[str, ...] = ()
    if reference.champion:
        from churn_platform.flows.monitoring.shift import scores_shift

        moved = scores_shift(platform, reference.champion, day)
        found += moved.evidence
        splits, notes = dict(moved.splits), moved.notes
    ranked = rank(declared_causes(), found)
    return CauseRanking(day, (reference.first, reference.last), ranked, tuple(strongest(found)), splits, notes)


@lru_cache(maxsize=4)
def _raw_evidence(warehouse: Path, written: int, reference: Reference, day: date) -> tuple[Evidence, ...]:
    """What the raw tables say on a day; several reports of a day ask, and `written` says that the tables are still the same."""
    from churn_platform.adapters.raw_signals import read_raw_signals
    from churn_platform.adapters.warehouse import Warehouse

    raw = read_raw_signals(Warehouse(warehouse), reference.first, day)
    periods = Periods(reference.first, (reference.first, reference.last), _landed_through(raw, day))
    return (
        *feed_evidence(raw, periods),
        *amount_evidence(raw, periods),
        *customer_evidence(raw, periods),
        *service_evidence(raw, periods),
    )


def departures_expected(platform: Platform, day: date) -> bool:
    """Whether customers were under observation for most of the label horizon before `day`: only then must somebody have left."""
    horizon = platform.policies.label.horizon.days
    observed = sum(platform.calendar.expects_customers(day - timedelta(n)) for n in range(1, horizon + 1))
    return observed * 2 >= horizon


def _believable(platform: Platform, day: date, found: Sequence[Evidence]) -> Sequence[Evidence]:
    """Without silent labels where nobody was under observation, as in a replay's pause."""
    return found if departures_expected(platform, day) else [one for one in found if one.name != "labels_late"]


def explained(platform: Platform, day: date, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings of a day, those that act with the likeliest causes among their evidence; all as they are where none acts."""
    if not any(finding.acts for finding in findings):
        return tuple(findings)
    return with_causes(findings, rank_causes(platform, day, outcome_evidence(findings)))


def explained_by_files(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The same for findings about landed files, which are judged before any table is read: they are the evidence themselves."""
    if not any(finding.acts for finding in findings):
        return tuple(findings)
    found = reported_evidence(findings)
    window = findings[0].window
    return with_causes(
        findings, CauseRanking(window.last, None, rank(declared_causes(), found), tuple(strongest(found)), {})
    )


def _landed_through(raw: RawSignals, day: date) -> date:
    """The day up to which files are in the warehouse: yesterday, where a report is made before today's were read."""
    landed = raw.receipts["day"].max() if len(raw.receipts) else None
    yesterday = day - timedelta(1)
    return yesterday if landed is not None and landed.date() == yesterday else day


def _own_changes(platform: Platform, champion: str, day: date) -> list[Evidence]:
    """Whether policy or code are others than those under which the champion was trained, as the day recorded them."""
    from churn_platform.flows.monitoring.state import read_state

    state = read_state(platform, day) if champion else None
    if state is None:
        return []
    trained = platform.ops.model(champion).registration
    found = []
    for theme, before in (("policy", trained.policy_digest), ("code", trained.code_digest)):
        now = state.values.get(theme, {}).get("digest", before)
        if now != before:
            told = f"{champion} was trained under {theme} {before[:12]}…, and {now[:12]}… is in force"
            found.append(Evidence(f"{theme}_changed", theme, 1.0, 1.0, told))
    return found


def _file_findings(platform: Platform, day: date) -> list[Finding]:
    """What the schema report found about the files of the last week."""
    recorded = platform.ops.findings(report="schema", first_day=day - timedelta(RECENT - 1))
    return [finding for one in recorded if one.day <= day for finding in one.findings]


def _drift_findings(platform: Platform, day: date) -> list[Finding]:
    """What the drift report of the day found, where it has been made."""
    return [finding for one in platform.ops.findings(report="drift", day=day) for finding in one.findings]


def reference_days(platform: Platform, day: date) -> Reference:
    """The champion's training window, cut to its newest days; without a champion, the older half of what has landed."""
    champion = platform.ops.champion(platform.policies.governance.model)
    calendar = platform.calendar
    if champion is None:
        half = calendar.first_day + (day - calendar.first_day) / 2
        return Reference(calendar.first_day, half, "")
    as_of = platform.ops.model(champion.version).registration.as_of
    last = min(as_of, day - timedelta(1))
    first = max(calendar.first_day, last - LONGEST_REFERENCE + timedelta(1))
    return Reference(first, last, champion.version)


def with_causes(findings: Sequence[Finding], ranking: CauseRanking) -> tuple[Finding, ...]:
    """The findings that act, each with the ranking's first causes among its evidence; the others as they are."""
    told = ranking.summary()
    return tuple(
        replace(finding, evidence={**finding.evidence, "causes": told}) if finding.acts else finding
        for finding in findings
    )
