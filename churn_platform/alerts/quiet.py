"""When an incident is over: it was looked at often enough since it last fired, and each time it was well.

What belongs here: what a day says about a ticket. What does not: the event that resolves it (`consideration`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

from churn_platform.alerts.signals import SIGNAL_TABLE
from churn_platform.alerts.tickets import Ticket
from churn_platform.drift.finding import Finding

Quiet = Literal["quiet", "unsettled", "unknown"]


def windows_to_rest(ticket: Ticket, windows: int) -> int:
    """How often it must have been well: `windows` times; where all of it is judged by events (a training), one good one is enough."""
    return 1 if all(SIGNAL_TABLE[member.signal].event for member in ticket.members) else windows


def quiet_since(ticket: Ticket, told: Mapping[date, Sequence[Finding]], windows: int) -> date | None:
    """The day on which the ticket's incident had been quiet `windows` times in a row; None if it has not been yet.

    `told` is what was found about its incident on each day that is over. A day that violates starts the count again; one that
    could not be judged neither counts nor breaks the row, for silence is not health.
    """
    in_a_row = 0
    for day in sorted(told):
        if day <= ticket.last_day:
            continue
        state = day_of(ticket, told[day])
        in_a_row = in_a_row + 1 if state == "quiet" else 0 if state == "unsettled" else in_a_row
        if in_a_row >= windows:
            return day
    return None


def day_of(ticket: Ticket, findings: Sequence[Finding]) -> Quiet:
    """What one day says: unsettled if anything of the incident violates, quiet if every member was judged and is well."""
    if any(finding.violates for finding in findings):
        return "unsettled"
    for member in ticket.members:
        same = [finding for finding in findings if finding.signal == member.signal]
        own = [finding for finding in same if finding.subject == member.subject]
        # A subject that is not reported any more is judged by the rest of its signal; without any there is no judgement.
        judged = own or same
        if (
            not judged
            or (own and any(one.severity != "ok" for one in own))
            or not any(one.severity == "ok" for one in judged)
        ):
            return "unknown"
    return "quiet"
