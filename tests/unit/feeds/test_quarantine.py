"""The gate: every landed row is accepted, or quarantined with its rule; nothing is dropped, nothing is guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landed_rows import DAY, good_rows, landed, table_of, with_value

from churn_platform.contracts.raw import DTYPES
from churn_platform.contracts.tables import CUSTOMERS, RAW_TABLES
from churn_platform.feeds import quarantine
from churn_platform.feeds.quarantine import (
    FILE_COLUMNS,
    QUARANTINE_COLUMNS,
    AccountingError,
    Screened,
    hold_account,
    screen,
)

TRASH = ["", " ", "zzz", "NaN", None, float("nan"), float("inf"), -1, -0.5, "1,234.5", "3.5", "2026-02-30", "tomorrow"]
TRASH += [
    True,
    20260304,
    b"bytes",
    ["a", "list"],
    {"a": "dict"},
    np.float64("-inf"),
    "1e999",
    "9" * 400,
    "\x00",
    "0x1F",
]


def only_rule(result: Screened) -> tuple[str, str]:
    """Column and rule of the one quarantined row."""
    assert len(result.quarantined) == 1, result.quarantined.to_dict("records")
    row = result.quarantined.iloc[0]
    return row["column_name"], row["rule"]


def refusal_of(column: str, value: Any, table: str = "customers") -> tuple[str, str]:
    """Which rule refuses a good row in which one value is replaced."""
    return only_rule(screen(table_of(table), landed(with_value(good_rows(table), 1, {column: value}), table=table)))


@pytest.mark.parametrize("table", RAW_TABLES)
def test_good_rows_of_every_table_are_accepted_with_the_contracts_dtypes(table: str) -> None:
    result = screen(table_of(table), landed(good_rows(table, 5), table=table))
    assert (len(result.accepted), len(result.quarantined), result.received) == (5, 0, 5)
    assert list(result.accepted.columns) == [*table_of(table).column_names, *FILE_COLUMNS]
    for column in table_of(table).columns:
        assert str(result.accepted[column.name].dtype) == DTYPES[column.kind], column.name


corruptions = st.lists(
    st.one_of(
        st.tuples(
            st.just("value"), st.integers(0, 7), st.integers(0, 30), st.sampled_from(TRASH) | st.text(max_size=4)
        ),
        st.tuples(st.just("drop column"), st.just(0), st.integers(0, 30), st.none()),
        st.tuples(
            st.just("extra column"),
            st.just(0),
            st.just(0),
            st.text(st.characters(codec="ascii"), min_size=1, max_size=5),
        ),
        st.tuples(st.just("repeat row"), st.integers(0, 7), st.just(0), st.none()),
        st.tuples(st.just("known later"), st.integers(0, 7), st.just(0), st.integers(1, 40)),
    ),
    max_size=12,
)


def corrupted(rows: pd.DataFrame, steps: list[tuple[str, int, int, Any]]) -> pd.DataFrame:
    for what, row, column, value in steps:
        name = rows.columns[column % len(rows.columns)]
        if what == "value":
            rows = rows.copy()
            rows[name] = rows[name].astype("object")
            rows.at[row % len(rows), name] = value
        elif what == "drop column" and len(rows.columns) > 1:
            rows = rows.drop(columns=name)
        elif what == "extra column" and value not in rows:
            rows = rows.assign(**{value: "surplus"})
        elif what == "repeat row":
            rows = pd.concat([rows, rows.iloc[[row % len(rows)]]], ignore_index=True)
        elif what == "known later" and "known_at" in rows:
            rows = with_value(rows, row % len(rows), {"known_at": str(DAY + timedelta(days=value))})
    return rows


@given(table=st.sampled_from(sorted(RAW_TABLES)), steps=corruptions, other=corruptions)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_received_is_accepted_plus_quarantined_for_every_file_whatever_was_done_to_it(
    table: str, steps: list[Any], other: list[Any]
) -> None:
    files = {
        f"{table}/{DAY}.csv": landed(corrupted(good_rows(table, 8), steps), DAY, table),
        f"{table}/{DAY + timedelta(1)}.csv": landed(corrupted(good_rows(table, 6), other), DAY + timedelta(1), table),
    }
    result = screen(table_of(table), pd.concat(files.values(), ignore_index=True))
    for name, rows in files.items():
        received, accepted, quarantined = (
            result.receipts.set_index("source_file").loc[name, ["received", "accepted", "quarantined"]].astype(int)
        )
        assert received == len(rows) == accepted + quarantined
        assert accepted == (result.accepted["source_file"] == name).sum()
        refused = result.quarantined[result.quarantined["source_file"] == name]
        assert quarantined == len(refused)
        # each row of the file is in exactly one of the two: what is refused is told by its number
        assert set(refused["row_number"]) <= set(range(1, len(rows) + 1))
        assert refused["row_number"].is_unique
    # what was accepted keeps every promise of the contract, and passes again as it is
    assert result.accepted[[c.name for c in table_of(table).columns if not c.nullable]].notna().all().all()
    again = screen(table_of(table), result.accepted)
    assert len(again.accepted) == len(result.accepted)
    assert result.quarantined["rule"].str.len().gt(5).all()


def test_control_the_account_sees_a_row_that_is_lost_and_one_that_is_counted_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = screen(CUSTOMERS, landed(good_rows(count=4)))
    hold_account("customers", 4, result.receipts)
    with pytest.raises(AccountingError, match="5 rows received"):
        hold_account("customers", 5, result.receipts)
    for tampered in (result.receipts.assign(accepted=3), result.receipts.assign(quarantined=1)):
        with pytest.raises(AccountingError, match="the receipts say"):
            hold_account("customers", 4, tampered)
    real = quarantine._receipts
    monkeypatch.setattr(
        quarantine, "_receipts", lambda table, source, kept, bad, headers: real(table, source, kept[1:], bad, headers)
    )
    with pytest.raises(AccountingError):
        screen(CUSTOMERS, landed(good_rows(count=4)))


def test_a_quarantined_row_keeps_its_content_its_rule_its_file_and_its_row_number() -> None:
    rows = with_value(good_rows(count=4), 2, {"contract": "Weekly", "gender": " Female "}).assign(note="call later")
    result = screen(CUSTOMERS, landed(rows))
    row = result.quarantined.iloc[0]
    assert tuple(result.quarantined.columns) == QUARANTINE_COLUMNS
    assert (row["table_name"], row["row_number"], row["column_name"]) == ("customers", 3, "contract")
    assert row["rule"] == "must be one of Month-to-month, One year, Two year"
    assert row["found"] == '"Weekly"'
    assert (row["source_file"], row["source_digest"]) == (f"customers/{DAY}.csv", f"digest of customers/{DAY}.csv")
    raw = json.loads(row["raw_content"])
    assert raw["gender"] == " Female "  # as it stood, not as it was read
    assert raw["note"] == "call later"
    assert set(raw) == set(rows.columns)


def test_rows_are_numbered_within_their_own_file() -> None:
    first = landed(with_value(good_rows(), 1, {"contract": "x"}), DAY)
    second = landed(with_value(good_rows(), 2, {"contract": "x"}), DAY + timedelta(1))
    result = screen(CUSTOMERS, pd.concat([first, second], ignore_index=True))
    assert result.quarantined["row_number"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("tenure_months", "3.5", "must be a whole number written like 1234, without thousands separators"),
        ("tenure_months", 3.5, "must be a whole number written like 1234, without thousands separators"),
        ("tenure_months", float("inf"), "must be a whole number written like 1234, without thousands separators"),
        ("tenure_months", -1, "must be at least 0"),
        ("tenure_months", 1201, "must be at most 1200"),
        ("monthly_charges", "1,234.50", "must be a number written like 1234.5, without thousands separators"),
        ("monthly_charges", "12,5", "must be a number written like 1234.5, without thousands separators"),
        ("monthly_charges", "NaN", "must be a number written like 1234.5, without thousands separators"),
        ("monthly_charges", True, "must be a number written like 1234.5, without thousands separators"),
        ("monthly_charges", -0.01, "must be at least 0"),
        ("monthly_charges", "", "must not be blank"),
        ("partner", "yes", "must be one of No, Yes"),
        ("partner", "YES", "must be one of No, Yes"),
        ("partner", True, "must be one of No, Yes"),
        ("customer_id", "  ", "must not be blank"),
        ("customer_id", None, "must not be blank"),
        ("customer_id", b"7", "must be text"),
        ("observation_date", "2026-02-30", "must be a date written YYYY-MM-DD"),
        ("observation_date", "03/04/2026", "must be a date written YYYY-MM-DD"),
        ("observation_date", "2026", "must be a date written YYYY-MM-DD"),
        ("observation_date", 20260304, "must be a date written YYYY-MM-DD"),
        ("next_observation_date", "soon", "must be a date written YYYY-MM-DD"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_by_that_rule(column: str, value: Any, rule: str) -> None:
    assert refusal_of(column, value) == (column, rule)


@pytest.mark.parametrize(
    ("column", "value", "read"),
    [
        ("tenure_months", " 12 ", 12),
        ("tenure_months", "12.0", 12),
        ("monthly_charges", "1234.50", 1234.5),
        ("monthly_charges", "1e2", 100.0),
        ("customer_id", " 007 ", "007"),
        ("customer_id", 12345678901234567, "12345678901234567"),
        ("observation_date", "2026-03-04T23:59:59+02:00", pd.Timestamp("2026-03-04")),
        ("observation_date", date(2026, 3, 4), pd.Timestamp("2026-03-04")),
        ("observation_date", pd.Timestamp("2026-03-04 10:00", tz="Asia/Tokyo"), pd.Timestamp("2026-03-04")),
        ("next_observation_date", "9999-12-31", pd.Timestamp("9999-12-31")),
    ],
)
def test_a_value_that_is_written_in_another_usual_way_is_read(column: str, value: Any, read: Any) -> None:
    result = screen(CUSTOMERS, landed(with_value(good_rows(), 1, {column: value})))
    assert result.quarantined.empty
    assert result.accepted[column].iloc[1] == read


def test_two_time_zones_in_one_column_are_two_days_as_written() -> None:
    rows = with_value(good_rows(), 0, {"observation_date": "2026-03-04T23:30:00-08:00"})
    rows = with_value(rows, 1, {"observation_date": "2026-03-04T00:30:00+09:00"})
    assert screen(CUSTOMERS, landed(rows)).accepted["observation_date"].nunique() == 1


def test_a_blank_total_charges_is_accepted_only_at_tenure_zero() -> None:
    new = with_value(good_rows(), 1, {"total_charges": "", "tenure_months": 0})
    assert screen(CUSTOMERS, landed(new)).quarantined.empty
    old = with_value(good_rows(), 1, {"total_charges": "", "tenure_months": 1})
    assert only_rule(screen(CUSTOMERS, landed(old)))[1] == "total_charges may be blank only at tenure 0"


def test_rules_between_columns_hold() -> None:
    assert refusal_of("next_observation_date", str(DAY))[1] == "next_observation_date must be after observation_date"
    assert refusal_of("resolved_on", "2026-03-03", "support_tickets")[1] == "resolved_on must not be before opened_on"
    assert refusal_of("known_at", str(DAY + timedelta(1)))[1] == (
        "known_at must not be after the date of the file it came in"
    )


@pytest.mark.parametrize("dtype", ["object", "str", "float64", "datetime64[ns]"])
def test_an_optional_column_that_is_entirely_blank_is_accepted_whatever_its_dtype(dtype: str) -> None:
    for column in (c.name for c in CUSTOMERS.columns if c.nullable and c.name != "total_charges"):
        rows = good_rows().assign(**{column: pd.Series([None] * 3, dtype=dtype)})
        assert screen(CUSTOMERS, landed(rows)).quarantined.empty, column


@pytest.mark.parametrize("dtype", ["object", "str", "float64"])
def test_a_required_column_that_is_entirely_blank_quarantines_every_row(dtype: str) -> None:
    result = screen(CUSTOMERS, landed(good_rows().assign(contract=pd.Series([None] * 3, dtype=dtype))))
    assert result.accepted.empty
    assert set(result.quarantined["rule"]) == {"must not be blank"}


def test_a_missing_optional_column_is_blank_and_a_missing_required_one_quarantines_its_file_only() -> None:
    optional = screen(CUSTOMERS, landed(good_rows().drop(columns=["cltv", "internet_type"])))
    assert optional.accepted["cltv"].isna().all()
    assert len(optional.accepted) == 3
    broken = landed(good_rows().drop(columns="contract"), DAY)
    whole = landed(good_rows(), DAY + timedelta(1))
    result = screen(CUSTOMERS, pd.concat([broken, whole], ignore_index=True))
    assert set(result.quarantined["rule"]) == {"column contract is missing from the file"}
    assert result.receipts.set_index("source_file")["quarantined"].tolist() == [3, 0]
    assert "contract" not in json.loads(result.quarantined["raw_content"].iloc[0])


def test_a_file_without_known_at_is_known_on_its_date_and_its_receipt_says_so() -> None:
    without = landed(good_rows().drop(columns="known_at"), DAY)
    with_it = landed(good_rows(), DAY + timedelta(1))
    result = screen(CUSTOMERS, pd.concat([without, with_it], ignore_index=True))
    assert result.quarantined.empty
    by_file = result.accepted.groupby("source_file")["known_at"].first()
    assert by_file.tolist() == [pd.Timestamp(DAY), pd.Timestamp(DAY)]
    assert result.receipts["filled_columns"].tolist() == ['["known_at"]', "[]"]


def test_a_blank_known_at_in_a_file_that_has_the_column_is_refused() -> None:
    assert refusal_of("known_at", "") == ("known_at", "must not be blank")


def test_extra_columns_are_named_in_the_receipt_of_their_own_file() -> None:
    first = landed(good_rows().assign(favourite_colour="red"), DAY)
    result = screen(CUSTOMERS, pd.concat([first, landed(good_rows(), DAY + timedelta(1))], ignore_index=True))
    assert result.receipts["unexpected_columns"].tolist() == ['["favourite_colour"]', "[]"]
    assert "favourite_colour" not in result.accepted


def test_of_exact_copies_the_first_is_kept() -> None:
    rows = pd.concat([good_rows(), good_rows().iloc[[0, 0]]], ignore_index=True)
    result = screen(CUSTOMERS, landed(rows))
    assert len(result.accepted) == 3
    assert result.quarantined["row_number"].tolist() == [4, 5]
    assert set(result.quarantined["rule"]) == {
        "repeats an earlier row of the same customer_id and observation_date and known_at"
    }


@pytest.mark.parametrize("turn", [lambda rows: rows, lambda rows: rows.iloc[::-1].reset_index(drop=True)])
def test_rows_that_contradict_each_other_are_all_refused_in_whatever_order(
    turn: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    other = with_value(good_rows(), 0, {"monthly_charges": 99.0}).iloc[[0]]
    result = screen(CUSTOMERS, landed(turn(pd.concat([good_rows(), other], ignore_index=True))))
    assert sorted(result.accepted["customer_id"]) == ["customer_id-001", "customer_id-002"]
    assert len(result.quarantined) == 2
    assert result.quarantined["rule"].str.startswith("contradicts another row").all()


def test_contradictions_across_files_of_one_day_are_refused_and_across_days_are_versions() -> None:
    other = with_value(good_rows(), 0, {"monthly_charges": 99.0}).iloc[[0]]
    one_day = [landed(good_rows()), landed(other, source="customers/again.csv")]
    result = screen(CUSTOMERS, pd.concat(one_day, ignore_index=True))
    assert set(result.quarantined["source_file"]) == {f"customers/{DAY}.csv", "customers/again.csv"}
    two_days = [landed(good_rows()), landed(other, DAY + timedelta(1))]
    assert screen(CUSTOMERS, pd.concat(two_days, ignore_index=True)).quarantined.empty


def test_a_later_known_version_in_the_same_file_is_another_row() -> None:
    earlier = with_value(good_rows(), 0, {"known_at": "2026-03-02", "monthly_charges": 99.0}).iloc[[0]]
    assert len(screen(CUSTOMERS, landed(pd.concat([good_rows(), earlier], ignore_index=True))).accepted) == 4


def test_a_good_row_is_not_refused_for_repeating_a_refused_one() -> None:
    bad = with_value(good_rows(), 0, {"contract": "Weekly"})
    result = screen(CUSTOMERS, landed(pd.concat([bad, good_rows().iloc[[0]]], ignore_index=True)))
    assert len(result.accepted) == 3
    assert result.quarantined["row_number"].tolist() == [1]


def test_no_rows_give_no_receipts_and_typed_empty_frames() -> None:
    result = screen(CUSTOMERS, landed(good_rows()).iloc[:0])
    assert (result.received, len(result.accepted), len(result.quarantined)) == (0, 0, 0)
    assert list(result.accepted.columns) == [*CUSTOMERS.column_names, *FILE_COLUMNS]
