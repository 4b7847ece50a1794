"""The account of an ingestion: customers came, every row is somewhere, not too much is refused."""

from __future__ import annotations

from datetime import timedelta

from landed_rows import DAY, good_rows, landed, with_value

from churn_platform.contracts.tables import CUSTOMERS
from churn_platform.feeds.account import AccountFinding, ingestion_account
from churn_platform.feeds.quarantine import Screened, screen


def account(part: Screened, stored: dict[str, int], bound: float = 0.05, days: int = 1) -> dict[str, AccountFinding]:
    expected = [DAY + timedelta(n) for n in range(days)]
    return {finding.check: finding for finding in ingestion_account([part], stored, expected, bound)}


def test_a_good_day_passes_and_its_figures_say_how_many() -> None:
    findings = account(screen(CUSTOMERS, landed(good_rows())), {"customers": 3, "quarantine": 0})
    assert all(finding.passed for finding in findings.values())
    assert findings["every_row_is_accounted_for"].figures == {"received": 3, "accepted": 3, "quarantined": 0}


def test_an_expected_day_without_customers_fails_and_is_named() -> None:
    part = screen(CUSTOMERS, landed(good_rows()))
    finding = account(part, {"customers": 3}, days=3)["customers_have_landed"]
    assert not finding.passed
    assert str(DAY + timedelta(1)) in finding.reason
    assert "and 1 more days" in finding.reason
    nothing = screen(CUSTOMERS, landed(good_rows()).iloc[:0])
    assert not account(nothing, {})["customers_have_landed"].passed


def test_a_row_lost_in_the_warehouse_or_doubled_there_is_seen() -> None:
    part = screen(CUSTOMERS, landed(good_rows()))
    for stored in ({"customers": 2}, {"customers": 4}, {"customers": 3, "quarantine": 1}, {}):
        finding = account(part, stored)["every_row_is_accounted_for"]
        assert not finding.passed
        assert "≠" in finding.reason


def test_too_large_a_quarantined_share_fails_and_exactly_the_bound_passes() -> None:
    part = screen(CUSTOMERS, landed(with_value(good_rows(count=20), 3, {"contract": "x"})))
    stored = {"customers": 19, "quarantine": 1}
    assert account(part, stored)["quarantined_share"].passed
    finding = account(part, stored, bound=0.049)["quarantined_share"]
    assert not finding.passed
    assert "5.00% (customers)" in finding.reason
    assert "raw.quarantine" in finding.reason
