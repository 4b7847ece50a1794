"""Evidence from the feeds themselves: late tables, refused rows, changed columns, blanks, repeats.

What belongs here: what a broken or late file shows, whatever customers do. What does not: the contract (`contracts/raw.py`) and the gate
that applied it (`feeds/quarantine.py`).
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from churn_platform.drift.root_cause.evidence import Evidence, strength_of
from churn_platform.drift.root_cause.raw import RawSignals
from churn_platform.drift.root_cause.signals import Floats, Periods, rate_changes, strongest_change

RECENT = 7
"""Days over which files are looked at: a break is the cause of what is seen this week."""
LABELS = "churn_events"
RECOVERED = 30
"""Days after which a delay that is over is forgotten: what came late then has been observed again, or has matured, since."""
LATE_DAYS = 1.0
"""Days behind the usual at which lateness speaks fully: every feed is daily."""
REFUSED = 0.2
"""Share of refused rows, beyond the usual, at which it speaks fully: four times what the data gate lets pass."""
BLANK = 0.15
"""Share of newly blank values at which it speaks fully."""


def feed_evidence(raw: RawSignals, periods: Periods) -> list[Evidence]:
    """All that the feeds say on the day."""
    refused = _refusals(raw, periods)
    broken = {one.subject for one in refused if one.strength >= 0.5 and one.name == "rows_refused"}
    return [*_lateness(raw, periods, broken), *refused, *_columns(raw, periods), *_blanks(raw, periods)]


def _lateness(raw: RawSignals, periods: Periods, broken: set[str]) -> list[Evidence]:
    """How far a table's newest events lie behind, beyond the most that was usual; a table whose rows are refused is not late."""
    found = []
    for table, rows in raw.arrivals.groupby("table_name"):
        lag = _lag(rows, periods)
        usual = float(np.nanmax(lag[periods.in_reference])) if periods.in_reference.stop > 0 else 0.0
        name = "labels_late" if table == LABELS else "table_late"
        back = np.arange(min(RECOVERED, periods.days))
        fading = (lag[periods.days - 1 - back] - usual) * (1.0 - back / RECOVERED)
        # less than a day is a silence that happened to fade, not a delay
        worst = max(float(fading.max()) if fading.max() >= 1.0 else 0.0, _delayed(rows, periods))
        if table in broken or not worst > 0:
            continue
        newest = pd.Timestamp(rows["newest"].max()).date()
        told = f"{table}: the newest events are of {newest}; lately they came {worst:.0f} days later than usual"
        # a table in which a day without rows is nothing special is late only beyond its longest silence
        found.append(Evidence(name, str(table), strength_of(worst, LATE_DAYS * (1.0 + usual)), worst, told))
    return found


def _lag(rows: pd.DataFrame, periods: Periods) -> Floats:
    """Days from the newest known event to each day of the axis."""
    places = (pd.to_datetime(rows["day"]) - pd.Timestamp(periods.first)).dt.days.to_numpy()
    newest = (pd.to_datetime(rows["newest"]) - pd.Timestamp(periods.first)).dt.days.to_numpy(dtype=np.float64)
    known = np.full(periods.days, -np.inf)
    inside = (places >= 0) & (places < periods.days)
    np.maximum.at(known, places[inside], newest[inside])
    known = np.maximum.accumulate(known)
    lag = np.arange(periods.days) - known
    return np.where(np.isfinite(lag), lag, 0.0)


def _delayed(rows: pd.DataFrame, periods: Periods) -> float:
    """How many days later than in the reference the rows of the last days became known; 0 where nothing arrived."""
    places = (pd.to_datetime(rows["day"]) - pd.Timestamp(periods.first)).dt.days.to_numpy()
    counts, delays = rows["rows"].to_numpy(dtype=np.float64), rows["delay"].to_numpy(dtype=np.float64)
    reference = periods.in_reference
    before = (places >= reference.start) & (places < reference.stop)
    now = places >= periods.days - 3
    if not counts[now].sum() or not counts[before].sum():
        return 0.0
    excess = float(np.average(delays[now], weights=counts[now]) - np.average(delays[before], weights=counts[before]))
    return excess if excess >= 0.5 else 0.0


def _refusals(raw: RawSignals, periods: Periods) -> list[Evidence]:
    found = []
    for table, rows in raw.receipts.groupby("table_name"):
        received = periods.series(rows["day"], rows["received"])
        refused = periods.series(rows["day"], rows["quarantined"])
        change, strength = strongest_change(rate_changes(refused, received, periods, (1, 3, RECENT)), REFUSED)
        if strength > 0:
            told = (
                f"{table}: {change.now:.0%} of the rows of {change.days} days were refused, usually {change.before:.1%}"
            )
            found.append(Evidence("rows_refused", str(table), strength, change.now, told))
            found += _by_rule(raw, periods, str(table), strength, received)
    return found


def _by_rule(raw: RawSignals, periods: Periods, table: str, strength: float, received: Floats) -> list[Evidence]:
    recent = raw.refusals[
        (raw.refusals["table_name"] == table)
        & (pd.to_datetime(raw.refusals["day"]) > pd.Timestamp(periods.day) - pd.Timedelta(days=RECENT))
    ]
    if recent.empty:
        return []
    total = float(recent["rows"].sum())
    found = []
    for (column, rule), rows in recent.groupby(["column_name", "rule"]):
        share = float(rows["rows"].sum()) / total
        subject = f"{table}.{column}" if column else table
        name = _name_of_rule(str(rule))
        told = f"{subject}: {rule} ({rows['rows'].sum():,.0f} rows)"
        found.append(Evidence(name, subject, strength * share, share, told))
    return found


def _name_of_rule(rule: str) -> str:
    """Which kind of evidence a broken rule is: a number out of its range, a row that stands twice, or a changed column."""
    if rule.startswith(("must be at least", "must be at most", "must be finite")):
        return "numbers_out_of_range"
    if "repeats an earlier row" in rule or "contradicts another row" in rule:
        return "rows_repeated"
    return "column_changed"


def _columns(raw: RawSignals, periods: Periods) -> list[Evidence]:
    """Columns that nobody expects, in the files of this week and not in the reference's."""
    found = []
    days = pd.to_datetime(raw.receipts["day"])
    recent = raw.receipts[days > pd.Timestamp(periods.day) - pd.Timedelta(days=RECENT)]
    before = raw.receipts[days <= pd.Timestamp(periods.reference[1])]
    for kind, said in (("unexpected_columns", "a column that no contract knows"), ("filled_columns", "no column")):
        for table, rows in recent.groupby("table_name"):
            old = _named(before.loc[before["table_name"] == table, kind])
            for name in sorted(_named(rows[kind]) - old):
                told = f"{table}: the files have {said} {name}"
                found.append(Evidence("column_changed", f"{table}.{name}", 1.0, 1.0, told))
    return found


def _named(texts: pd.Series) -> set[str]:
    return {name for text in texts.dropna().unique() for name in json.loads(text)}


def _blanks(raw: RawSignals, periods: Periods) -> list[Evidence]:
    found = []
    for (table, column), rows in raw.blanks.groupby(["table_name", "column_name"]):
        known = periods.series(rows["day"], rows["rows"])
        blank = periods.series(rows["day"], rows["blank"])
        change, strength = strongest_change(rate_changes(blank, known, periods, (1, 3, RECENT)), BLANK)
        if strength > 0:
            told = f"{table}.{column}: {change.now:.0%} of the values are blank, usually {change.before:.0%}"
            found.append(Evidence("column_changed", f"{table}.{column}", strength, change.change, told))
    return found
