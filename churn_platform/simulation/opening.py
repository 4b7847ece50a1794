"""What the telco hands over on the eve of the world's first day: its books up to then.

What belongs here: recording the last months while the base settles, and turning them into rows. What does not:
settling itself.

Without it every total, trend and 180-day window would start from zero and drift for half a year. So the eve's files
hold, for every customer, the row of their last billing day, a summary row for use and for invoices up to then
(`months` says how many), the last monthly rows, and the tickets and invoices of 210 days. Whoever was billed in the
last 30 days but has left since is in it too: leaving them out would teach that nobody leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from churn_platform.simulation.customers import CYCLE_DAYS, NEVER, Customers
from churn_platform.simulation.cycle import Cycle
from churn_platform.simulation.draws import Floats, Serials
from churn_platform.simulation.growing import Growing
from churn_platform.simulation.landing import Array, Rows, customer_rows, invoice_rows, ticket_rows, usage_rows
from churn_platform.simulation.profile import Profile

INVOICE_CYCLES = 7
USAGE_CYCLES = 4
HISTORY_DAYS = INVOICE_CYCLES * CYCLE_DAYS


@dataclass(slots=True)
class History:
    """Collects the rows of the last months before `start`, as lives are settled."""

    start: int
    profile: Profile
    due_after: int
    reported_after: int
    parts: dict[str, Growing] = field(default_factory=dict)

    @property
    def since(self) -> int:
        """First day of which every cycle is wanted."""
        return self.start - HISTORY_DAYS

    def record(self, c: Customers, cycle: Cycle) -> None:
        """Keep what is wanted of a batch of cycles (those before `since` are left out)."""
        recently = self.start - CYCLE_DAYS
        rows = customer_rows(c, cycle, self.profile)
        self._keep("customers", rows.where(cycle.day >= recently))
        use = usage_rows(c, cycle)
        self._keep("account_usage", use.where(use.columns["known_at"] >= self.start - USAGE_CYCLES * CYCLE_DAYS))
        billed, paid = invoice_rows(c, cycle, self.due_after, self.reported_after)
        wanted = billed.columns["known_at"] >= self.since
        # a version that was replaced before anyone is observed tells nothing any more
        current = paid.columns["known_at"] > recently
        self._keep("invoices", billed.where(wanted & current))
        self._keep("invoices", paid.where(wanted))
        opened, resolved = ticket_rows(c, cycle)
        wanted = opened.columns["known_at"] >= self.since
        current = resolved.columns["known_at"] > recently
        self._keep("support_tickets", opened.where(wanted & current))
        self._keep("support_tickets", resolved.where(wanted))

    def rows(self, present: Customers, just_left: Customers, next_serial: int) -> Iterator[tuple[str, Rows]]:
        """Table by table, all rows of these customers, those that are known only after the eve among them."""
        kept = np.zeros(next_serial, dtype=bool)
        kept[present.serial] = True
        kept[just_left.serial] = True
        left = np.full(next_serial, NEVER)
        left[just_left.serial] = just_left.left
        everyone = Customers.together([present, just_left])
        everyone = everyone.take(everyone.observed > everyone.joined)
        for table in sorted(self.parts):
            rows = Rows(self.parts.pop(table).columns())
            rows = rows.where(kept[rows.columns["serial"]])
            if table == "support_tickets":
                rows = rows.where(rows.columns["opened_on"] < left[rows.columns["serial"]])
            if table == "account_usage":
                rows = _with_usage_before(rows, everyone, next_serial)
            if table == "invoices":
                rows = _with_invoices_before(rows, everyone, next_serial)
            yield table, rows

    def _keep(self, table: str, rows: Rows) -> None:
        self.parts.setdefault(table, Growing()).append(rows.columns)


def _sums(rows: Rows, column: str, next_serial: int, of: Serials) -> Floats:
    sums = np.bincount(rows.columns["serial"].astype(np.int64), rows.columns[column], next_serial)
    return sums[of].astype(np.float64)


def _with_usage_before(rows: Rows, c: Customers, next_serial: int) -> Rows:
    """The monthly rows and, before them, one summary row per customer for all months before."""
    tenure = (c.observed - c.joined) // CYCLE_DAYS
    monthly = _sums(rows, "months", next_serial, c.serial)
    period_end = c.observed - 1 - CYCLE_DAYS * monthly.astype(np.int32)
    summary: dict[str, Array] = {
        "serial": c.serial,
        "period_end": period_end.astype(np.int32),
        "months": (tenure - monthly).astype(np.int32),
        "known_at": (period_end + 1).astype(np.int32),
        "data_gb": _left_over(c.total_gb - _sums(rows, "data_gb", next_serial, c.serial), 1),
        "extra_data_charges": _left_over(c.total_extra - _sums(rows, "extra_data_charges", next_serial, c.serial), 2),
        "long_distance_charges": _left_over(
            c.total_long_distance - _sums(rows, "long_distance_charges", next_serial, c.serial), 2
        ),
        "copies": np.ones(len(c), dtype=np.int8),
    }
    return Rows.together([Rows(summary).where(summary["months"] > 0), rows])


def _with_invoices_before(rows: Rows, c: Customers, next_serial: int) -> Rows:
    """The monthly invoices and, before them, one statement per customer for all months before.

    When it was due it does not say.
    """
    newest = rows.where(rows.columns["paid_on"] != NEVER)
    tenure = ((c.observed - c.joined) // CYCLE_DAYS).astype(np.int32)
    monthly = _sums(newest, "months", next_serial, c.serial).astype(np.int32)
    day = (c.observed - CYCLE_DAYS * monthly).astype(np.int32)
    total = c.billed + c.total_extra + c.total_long_distance
    statement: dict[str, Array] = {
        "serial": c.serial,
        "cycle": tenure - monthly,
        "invoice_date": day,
        "months": tenure - monthly,
        "known_at": day,
        "amount": _left_over(total - _sums(newest, "amount", next_serial, c.serial), 2),
        "refunds": _left_over(c.total_refunds - _sums(newest, "refunds", next_serial, c.serial), 2),
        "due_date": np.full(len(c), NEVER),
        "paid_on": np.full(len(c), NEVER),
        "copies": np.ones(len(c), dtype=np.int8),
    }
    return Rows.together([Rows(statement).where(statement["months"] > 0), rows])


def _left_over(amount: Floats, decimals: int) -> Floats:
    """Without the last bits of many additions."""
    return np.round(np.maximum(amount, 0.0), decimals).astype(np.float64)
