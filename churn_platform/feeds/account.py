"""The account of an ingestion: did the customers come, is every row somewhere, is too much refused.

What belongs here: three findings as values, from the screened rows and what the warehouse holds afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from churn_platform.feeds.quarantine import Screened


@dataclass(frozen=True, slots=True)
class AccountFinding:
    """One answer: `table` it is about, `check` by name, whether it holds, why in words, and the figures behind it."""

    table: str
    check: str
    passed: bool
    reason: str
    figures: Mapping[str, float | int | str]


def ingestion_account(
    screened: Sequence[Screened],
    stored: Mapping[str, int],
    expected: Sequence[date],
    max_quarantined_share: float,
) -> tuple[AccountFinding, ...]:
    """Three findings over one or more landing days.

    Args:
        screened: every raw table's rows after the gate.
        stored: rows in the warehouse for the same days, by raw table, and under `quarantine`.
        expected: the days among them on which the calendar expects customers.
        max_quarantined_share: the policy's bound, a share.
    """
    return (_customers(screened, expected), _accounted(screened, stored), _share(screened, max_quarantined_share))


def _customers(screened: Sequence[Screened], expected: Sequence[date]) -> AccountFinding:
    accepted = next((part.accepted for part in screened if part.table == "customers"), pd.DataFrame({"landed_on": []}))
    there = {pd.Timestamp(day).date() for day in accepted["landed_on"].unique()}
    absent = [day for day in expected if day not in there]
    if absent:
        more = f" and {len(absent) - 1} more days" if len(absent) > 1 else ""
        reason = f"no customers were accepted for {absent[0]}{more}: land customers/{absent[0]}.csv, or look into the quarantine"
    else:
        reason = f"{len(accepted)} customers on {len(expected)} expected days"
    figures: dict[str, float | int | str] = {
        "accepted": len(accepted),
        "expected_days": len(expected),
        "days_without": len(absent),
    }
    return AccountFinding("customers", "customers_have_landed", not absent, reason, figures)


def _accounted(screened: Sequence[Screened], stored: Mapping[str, int]) -> AccountFinding:
    received = sum(part.received for part in screened)
    accepted = sum(stored.get(part.table, 0) for part in screened)
    quarantined = stored.get("quarantine", 0)
    passed = received == accepted + quarantined
    sign = "=" if passed else "≠"
    reason = f"{received} received {sign} {accepted} accepted + {quarantined} quarantined in the warehouse"
    figures: dict[str, float | int | str] = {"received": received, "accepted": accepted, "quarantined": quarantined}
    return AccountFinding("quarantine", "every_row_is_accounted_for", passed, reason, figures)


def _share(screened: Sequence[Screened], bound: float) -> AccountFinding:
    shares = {part.table: len(part.quarantined) / part.received for part in screened if part.received}
    worst = max(shares, key=lambda name: shares[name], default="")
    share = shares.get(worst, 0.0)
    passed = share <= bound
    reason = (
        f"the largest quarantined share is {share:.2%} ({worst or 'no table received rows'}); the policy allows {bound:.0%}"
        + ("" if passed else "; see raw.quarantine for the rules they broke")
    )
    return AccountFinding("quarantine", "quarantined_share", passed, reason, {"share": share, "bound": bound})
