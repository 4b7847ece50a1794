"""Landed files against those before: every fault is named on its day, and files as usual raise nothing (the control of each)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.drift.finding import Finding
from churn_platform.drift.schema import FileFacts, file_facts, schema_findings, unreadable_file, usual_table
from churn_platform.policies import load_policies

POLICY = load_policies().drift.schema_contract
TODAY = date(2026, 6, 1)
Frames = dict[str, pd.DataFrame]
ROWS = 200


def files_of(day: date, seed: int) -> Frames:
    """What a calm day lands: usage and departures, as a feed writes them."""
    rng = np.random.default_rng(seed)
    usage = pd.DataFrame(
        {
            "customer_id": [f"c{k}" for k in range(ROWS)],
            "period_end": day,
            "months": 1,
            "known_at": day,
            "data_gb": np.round(rng.lognormal(2.5, 1.0, ROWS), 2),
            "extra_data_charges": np.where(rng.random(ROWS) < 0.1, 10.0, 0.0),
            "long_distance_charges": np.round(rng.gamma(2.0, 10.0, ROWS), 2),
        }
    )
    contacts = pd.DataFrame(
        {
            "contact_id": [f"k{k}" for k in range(ROWS)],
            "customer_id": [f"c{k}" for k in range(ROWS)],
            "contacted_on": day,
            "known_at": day,
            "channel": rng.choice(["call", "email", "sms"], ROWS),
            "arm": rng.choice(["control", "treatment"], ROWS),
            "offer": "discount",
            "accepted": rng.choice(["Yes", "No", None], ROWS),
            "cost": 6.0,
        }
    )
    return {"account_usage": usage, "retention_contacts": contacts}


HISTORY = {
    table: [
        file_facts(RAW_TABLES[table], TODAY - timedelta(k), files_of(TODAY - timedelta(k), k)[table])
        for k in range(1, 40)
    ]
    for table in ("account_usage", "retention_contacts")
}
USUAL = {name: usual_table(name, facts, ROWS * len(facts), [1.0, 0.8, 1.2]) for name, facts in HISTORY.items()}


def judged(
    frames: Frames | dict[str, FileFacts], volumes: list[tuple[int, float]] | None = None
) -> tuple[Finding, ...]:
    facts = {
        name: frame if isinstance(frame, FileFacts) else file_facts(RAW_TABLES[name], TODAY, frame)
        for name, frame in frames.items()
    }
    usual = {name: one for name, one in USUAL.items() if one is not None}
    counted = {
        name: volumes or [*[(ROWS, float(ROWS))] * 6, (facts[name].rows if name in facts else 0, float(ROWS))]
        for name in usual
    }
    return schema_findings(TODAY, facts, usual, counted, True, POLICY)


def broken(found: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in found if finding.violates and finding.subject != "customers"}


def without(frames: Frames, table: str) -> Frames:
    return {name: frame for name, frame in frames.items() if name != table}


def changed(column: str, change: Callable[[pd.Series], object], table: str = "account_usage") -> Frames:
    frames = files_of(TODAY, 0)
    frames[table] = frames[table].assign(**{column: change(frames[table][column])})
    return frames


def test_files_as_usual_raise_nothing() -> None:
    for seed in range(20):
        assert broken(judged(files_of(TODAY, 500 + seed))) == {}


def test_customers_that_are_expected_and_absent_are_critical() -> None:
    found = {f.subject: f for f in judged(files_of(TODAY, 0))}
    assert (found["customers"].signal, found["customers"].severity, found["customers"].acts) == (
        "feed_late",
        "critical",
        True,
    )


def test_a_missing_file_is_late_the_same_day() -> None:
    found = broken(judged(without(files_of(TODAY, 0), "account_usage")))
    assert found["account_usage"].signal == "feed_late"
    assert found["account_usage"].acts


def test_a_file_without_rows_is_as_late_as_none() -> None:
    frames = files_of(TODAY, 0)
    frames["account_usage"] = frames["account_usage"].iloc[:0]
    assert broken(judged(frames))["account_usage"].signal == "feed_late"


def test_a_small_feed_is_missed_after_a_few_days() -> None:
    one_day = [(2, 3.0)] * 6 + [(0, 3.0)]
    several = [(2, 3.0)] * 2 + [(0, 3.0)] * 5
    nothing = without(files_of(TODAY, 0), "account_usage")
    assert "account_usage" not in broken(judged(nothing, one_day))
    assert "account_usage" in broken(judged(nothing, several))


def test_rows_that_are_older_than_ever_before_are_late() -> None:
    found = broken(judged(changed("period_end", lambda days: TODAY - timedelta(2))))
    assert found["account_usage"].signal == "feed_late"
    assert found["account_usage"].value == 2.0


def test_a_renamed_column_is_gone_and_its_new_name_is_told() -> None:
    frames = files_of(TODAY, 0)
    frames["account_usage"] = frames["account_usage"].rename(columns={"data_gb": "data_volume"})
    found = broken(judged(frames))
    assert set(found) == {"account_usage.data_gb"}
    assert found["account_usage.data_gb"].severity == "critical"
    assert found["account_usage.data_gb"].evidence["renamed_to"] == "data_volume"


def test_a_dropped_column_is_critical_and_a_new_one_a_warning() -> None:
    frames = files_of(TODAY, 0)
    frames["account_usage"] = frames["account_usage"].drop(columns="extra_data_charges").assign(zone=1, region_code=2)
    found = broken(judged(frames))
    assert found["account_usage.extra_data_charges"].severity == "critical"
    # one of the new ones may be the renamed one; the other is new
    assert any(f.severity == "warning" and f.statistic == "unexpected_columns" for f in found.values())


@pytest.mark.parametrize(
    "write", [lambda x: x.astype("str").str.replace(".", ",", regex=False), lambda x: "about " + x.astype("str")]
)
def test_numbers_that_cannot_be_read_are_critical_with_an_example(write: Callable[[pd.Series], pd.Series]) -> None:
    found = broken(judged(changed("data_gb", write)))["account_usage.data_gb"]
    assert found.severity == "critical"
    assert found.evidence["example"] or found.evidence.get("written") == "text"


def test_numbers_written_as_readable_text_are_a_warning() -> None:
    found = broken(judged(changed("data_gb", lambda x: x.astype("str"))))["account_usage.data_gb"]
    assert (found.statistic, found.severity) == ("retyped", "warning")


@pytest.mark.parametrize("factor", [1024.0, 1 / 1024.0, 100.0])
def test_another_unit_is_told_by_its_scale(factor: float) -> None:
    found = broken(judged(changed("data_gb", lambda x: x * factor)))["account_usage.data_gb"]
    assert (found.statistic, found.severity) == ("scale", "critical")
    assert found.value == pytest.approx(factor, rel=0.5)


def test_twice_the_use_is_no_other_unit() -> None:
    assert broken(judged(changed("data_gb", lambda x: 2.0 * x))) == {}


def test_fractions_that_vanish_are_told() -> None:
    found = broken(judged(changed("data_gb", lambda x: x.round())))["account_usage.data_gb"]
    assert found.statistic == "fractional_share"


def test_values_outside_the_domain_are_told_by_their_share() -> None:
    few = broken(judged(changed("channel", lambda x: ["fax", *x[1:]], "retention_contacts")))[
        "retention_contacts.channel"
    ]
    most = broken(judged(changed("channel", lambda x: "fax", "retention_contacts")))["retention_contacts.channel"]
    assert (few.severity, most.severity) == ("warning", "critical")
    assert few.evidence["example"] == "fax"


def test_values_that_went_missing_are_told() -> None:
    def blank_most(values: pd.Series) -> pd.Series:
        return values.where(np.arange(len(values)) % 5 == 0)

    assert (
        broken(judged(changed("accepted", blank_most, "retention_contacts")))["retention_contacts.accepted"].statistic
        == "missing_share"
    )


def test_rows_that_stand_there_twice_are_told() -> None:
    frames = files_of(TODAY, 0)
    frames["account_usage"] = pd.concat([frames["account_usage"], frames["account_usage"].iloc[:60]])
    assert broken(judged(frames))["account_usage"].statistic == "repeated_share"


def test_a_file_that_cannot_be_opened_is_critical() -> None:
    facts: dict[str, FileFacts] = {"account_usage": unreadable_file("account_usage", TODAY, "not Parquet")}
    found = broken(judged(facts))["account_usage"]
    assert (found.signal, found.severity, found.statistic) == ("schema_drift", "critical", "unreadable_files")


def test_nothing_that_ever_landed_is_no_health() -> None:
    found = schema_findings(TODAY, {}, {}, {}, False, POLICY)
    assert [f.severity for f in found] == ["insufficient_data"]


def test_facts_survive_being_kept() -> None:
    facts = HISTORY["account_usage"][0]
    assert FileFacts.from_dict(facts.to_dict()) == facts
