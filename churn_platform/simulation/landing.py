"""From what happened to the raw tables as a telco would land them: codes become text, every row says when it was known.

What belongs here: rows as columns of numbers while they wait for their day, and turning them into the contract's
frames. What does not: what a scenario does to them (`effects.py`), files (an adapter's business).

A waiting row is kept as numbers: categories as codes into the contract's domain, dates as days since 1970-01-01,
blanks as -1, NaN or NEVER. It lands in the file of the day on which it is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_platform.contracts.tables import RAW_TABLES, Column
from churn_platform.simulation.customers import ADD_ONS, CYCLE_DAYS, FIBER, NEVER, NO_INTERNET, Customers, Ints
from churn_platform.simulation.cycle import Cycle
from churn_platform.simulation.identity import customer_ids, numbered_ids
from churn_platform.simulation.profile import Profile

Array = npt.NDArray[Any]
#: columns that ids are made of, beside the table's own: they never land
ID_PARTS = {
    "customers": (),
    "account_usage": (),
    "support_tickets": ("cycle", "nth"),
    "invoices": ("cycle",),
    "churn_events": (),
    "retention_contacts": (),
}


@dataclass(slots=True)
class Rows:
    """Rows of one table as numbers. `serial` says whose, `known_at` when they land, `copies` how often."""

    columns: dict[str, Array]

    def __len__(self) -> int:
        return len(self.columns["serial"])

    def where(self, chosen: Array) -> Rows:
        """The chosen rows (mask or positions)."""
        at = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        return Rows({name: values.take(at) for name, values in self.columns.items()})

    @staticmethod
    def together(parts: list[Rows]) -> Rows:
        """All rows of `parts` (at least one), in order."""
        if len(parts) == 1:
            return parts[0]
        return Rows({name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns})


@dataclass(slots=True)
class Waiting:
    """Rows that are not known yet, by table."""

    parts: dict[str, list[Rows]] = field(default_factory=dict)

    def add(self, table: str, rows: Rows) -> None:
        """Let rows wait for their day."""
        if len(rows):
            self.parts.setdefault(table, []).append(rows)

    def due(self, table: str, day: int) -> Rows:
        """Take out the rows of `table` known by `day`."""
        known, later = [], []
        for part in self.parts.pop(table, []):
            now = part.columns["known_at"] <= day
            if now.all():
                known.append(part)  # without a copy: the opening's rows are many
                continue
            if now.any():
                known.append(part.where(now))
                part = part.where(~now)
            later.append(part)
        if later:
            self.parts[table] = later
        return Rows.together(known) if known else no_rows(table)

    def arrays(self) -> dict[str, Array]:
        """Everything, as named arrays."""
        together = {table: Rows.together(parts) for table, parts in self.parts.items() if parts}
        return {f"waiting.{table}.{name}": v for table, rows in together.items() for name, v in rows.columns.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Waiting:
        """The way back, on copies."""
        waiting = cls()
        for table in RAW_TABLES:
            prefix = f"waiting.{table}."
            columns = {name.removeprefix(prefix): v.copy() for name, v in arrays.items() if name.startswith(prefix)}
            if columns:
                waiting.add(table, Rows(columns))
        return waiting


def no_rows(table: str) -> Rows:
    """No rows of `table`."""
    numbers = {"id": np.uint64, "date": np.int32, "integer": np.int32, "number": np.float64}
    columns = {c.name: np.zeros(0, dtype=numbers.get(c.kind, np.int8)) for c in RAW_TABLES[table].columns}
    more = {name: np.zeros(0, dtype=np.int32) for name in ID_PARTS[table]}
    return Rows(columns | more | {"serial": np.zeros(0, dtype=np.uint64), "copies": np.zeros(0, dtype=np.int8)})


def newest_versions(table: str, rows: Rows) -> Rows:
    """Without the rows that are replaced by a later version in the same file.

    Two versions must not be known on one day.
    """
    key = {"support_tickets": ("cycle", "nth"), "invoices": ("cycle",), "retention_contacts": ("contacted_on",)}
    if table not in key or len(rows) < 2:
        return rows
    whose = rows.columns["serial"].astype(np.uint64)
    for name in key[table]:
        whose = whose * np.uint64(65536) + rows.columns[name].astype(np.uint64)
    # rows wait in the order in which their versions came about: the last one is the newest
    _, newest = np.unique(whose[::-1], return_index=True)
    return rows.where(np.sort(len(rows) - 1 - newest))


def customer_rows(c: Customers, cycle: Cycle, profile: Profile) -> Rows:
    """A row per billed customer: profile, services and billing on the day."""
    internet = c.internet_type != NO_INTERNET
    n = len(c)
    services = {
        name: np.where(internet, 2 * ((c.add_ons >> np.uint8(k)) & np.uint8(1)), 1).astype(np.int8)
        for k, name in enumerate(ADD_ONS)
    }
    cltv = profile.cltv
    worth = cltv["at_start"] + cltv["per_month"] * np.minimum(cycle.tenure, 72) + cltv["residual_sd"] * c.cltv_level
    return Rows(
        {
            "serial": c.serial,
            "observation_date": cycle.day,
            "next_observation_date": (cycle.day + CYCLE_DAYS).astype(np.int32),
            "known_at": cycle.day,
            "gender": c.gender,
            "senior_citizen": c.senior_citizen,
            "partner": c.partner,
            "dependents": c.dependents,
            "tenure_months": cycle.tenure,
            "phone_service": c.phone_service,
            "multiple_lines": c.multiple_lines,
            "internet_service": np.where(internet, np.where(c.internet_type == FIBER, 1, 0), 2).astype(np.int8),
            **services,
            "contract": c.contract,
            "paperless_billing": c.paperless_billing,
            "payment_method": c.payment_method,
            "monthly_charges": np.round(c.charges, 2),
            "total_charges": np.where(cycle.tenure > 0, np.round(c.billed, 2), np.nan),
            "internet_type": c.internet_type,
            "unlimited_data": c.unlimited_data,
            "number_of_referrals": c.referrals.astype(np.int32),
            "cltv": np.round(np.clip(worth, cltv["low"], cltv["high"])),
            "copies": np.ones(n, dtype=np.int8),
        }
    )


def usage_rows(c: Customers, cycle: Cycle) -> Rows:
    """A row per full month billed."""
    n = len(c)
    rows = Rows(
        {
            "serial": c.serial,
            "period_end": (cycle.day - 1).astype(np.int32),
            "months": np.ones(n, dtype=np.int32),
            "known_at": cycle.day,
            "data_gb": cycle.gb,
            "extra_data_charges": cycle.extra,
            "long_distance_charges": cycle.long_distance,
            "copies": np.ones(n, dtype=np.int8),
        }
    )
    return rows.where(cycle.tenure > 0)


def invoice_rows(c: Customers, cycle: Cycle, due_after: int, reported_after: int) -> tuple[Rows, Rows]:
    """The invoices as billed, and their later versions as paid."""
    n = len(c)
    billed: dict[str, Array] = {
        "serial": c.serial,
        "cycle": cycle.tenure,
        "invoice_date": cycle.day,
        "months": np.ones(n, dtype=np.int32),
        "known_at": cycle.day,
        "amount": np.round(cycle.amount, 2),
        "refunds": cycle.refund,
        "due_date": (cycle.day + due_after).astype(np.int32),
        "paid_on": np.full(n, NEVER),
        "copies": np.ones(n, dtype=np.int8),
    }
    paid = billed | {"paid_on": cycle.paid, "known_at": (cycle.paid + reported_after).astype(np.int32)}
    full = cycle.tenure > 0
    return Rows(billed).where(full), Rows(paid).where(full)


def ticket_rows(c: Customers, cycle: Cycle) -> tuple[Rows, Rows]:
    """The tickets as opened, and their later versions as resolved."""
    t = cycle.tickets
    opened: dict[str, Array] = {
        "serial": c.serial[t.at],
        "cycle": cycle.tenure[t.at],
        "nth": t.nth,
        "opened_on": t.opened,
        "resolved_on": np.full(len(t.at), NEVER),
        "known_at": t.opened,
        "topic": t.topic,
        "severity": t.severity,
        "copies": np.ones(len(t.at), dtype=np.int8),
    }
    return Rows(opened), Rows(opened | {"resolved_on": t.resolved, "known_at": t.resolved})


def frame_of(table: str, rows: Rows, texts: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """The rows as the contract's frame: its columns in its order, typed str, Int64, float64 and datetime64[s].

    Args:
        table: name in RAW_TABLES.
        rows: as numbers.
        texts: domains of the free-text columns, by column name.
    """
    copies = rows.columns["copies"]
    if (copies > 1).any():
        rows = rows.where(np.repeat(np.arange(len(rows)), copies))
    out = {column.name: _typed(table, column, rows, texts) for column in RAW_TABLES[table].columns}
    return pd.DataFrame(out)


def as_dates(days: Ints) -> Array:
    """Days since 1970-01-01 -> datetime64[s], NEVER as NaT."""
    out = days.astype("int64").astype("datetime64[D]").astype("datetime64[s]")
    out[days == NEVER] = np.datetime64("NaT")
    return out


def _typed(table: str, column: Column, rows: Rows, texts: Mapping[str, tuple[str, ...]]) -> Any:
    if column.name == "customer_id":
        return customer_ids(rows.columns["serial"])
    if column.name == "ticket_id":
        return numbered_ids("T", rows.columns["serial"], (rows.columns["cycle"], 3), (rows.columns["nth"], 1))
    if column.name == "invoice_id":
        return numbered_ids("INV", rows.columns["serial"], (rows.columns["cycle"], 3))
    if column.name == "contact_id":
        return numbered_ids("C", rows.columns["serial"], (rows.columns["contacted_on"], 5))
    values = rows.columns[column.name]
    if column.kind == "date":
        return as_dates(values)
    if column.kind == "number":
        return values.astype(np.float64)
    if column.kind == "integer":
        return pd.arrays.IntegerArray(values.astype(np.int64), values < 0)
    return text_of(values, column.domain or texts[column.name])


def text_of(codes: Array, domain: tuple[str, ...]) -> Any:
    """Codes -> str array, -1 as missing, without a Python object per row."""
    import pyarrow as pa

    indices = pa.array(codes.astype(np.int32), mask=codes < 0)
    dictionary = pa.DictionaryArray.from_arrays(indices, pa.array(list(domain), type=pa.large_string()))
    return pd.array(dictionary.cast(pa.large_string()), dtype="str")
