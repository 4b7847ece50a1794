"""The landing folder: what a file must be called and hold, and that its rows come out as they stand."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_extract import generate_extract

from churn_platform.adapters.landing_zone import LandingError, land, landed_files, read_landed
from churn_platform.contracts.tables import CUSTOMERS, RAW_TABLES
from churn_platform.feeds.quarantine import screen

DAY = date(2026, 1, 1)
README = Path(__file__).parents[3] / "data" / "README.md"


def examples_of_the_readme() -> dict[str, str]:
    """Table -> its example file, as data/README.md shows it."""
    found: dict[str, str] = {}
    text = README.read_text(encoding="utf-8")
    for part in text.split("```csv\n")[1:]:
        content = part.split("```")[0]
        header = content.splitlines()[0].split(",")
        (table,) = (
            name
            for name, contract in RAW_TABLES.items()
            if set(header) <= set(contract.column_names) and {*contract.grain} - {"known_at"} <= set(header)
        )
        found[table] = content
    return found


CUSTOMERS_CSV = examples_of_the_readme()["customers"]


def put(root: Path, content: str | bytes, table: str = "customers", name: str = "2026-01-01.csv") -> Path:
    path = root / table / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def put_parquet(root: Path, rows: pd.DataFrame, day: date = DAY, table: str = "customers") -> Path:
    path = root / table / f"{day}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(path, index=False)
    return path


def refused(root: Path, told: str) -> str:
    with pytest.raises(LandingError, match=told) as caught:
        read_landed(root, [DAY])
    return str(caught.value)


def customer_frame(count: int = 50) -> pd.DataFrame:
    """Typed customers with awkward floats."""
    rng = np.random.default_rng(3)
    base = generate_extract(count, rng)
    rows = {column.name: base.iloc[:, 0] for column in CUSTOMERS.columns}
    frame = pd.DataFrame(rows)
    for column in CUSTOMERS.columns:
        if column.domain:
            frame[column.name] = rng.choice(column.domain, count)
    days = pd.Timestamp(DAY)
    frame[["observation_date", "known_at"]] = days
    frame["next_observation_date"] = pd.Series(days + pd.Timedelta(days=30), index=frame.index).mask(
        rng.random(count) < 0.3
    )
    frame["tenure_months"] = rng.integers(1, 70, count)
    frame["monthly_charges"] = rng.gamma(2, 30, count)
    frame["total_charges"] = rng.gamma(2, 1e5, count) / 3
    frame["number_of_referrals"] = pd.Series(rng.integers(0, 9, count), dtype="Int64").mask(rng.random(count) < 0.3)
    frame["cltv"] = np.where(rng.random(count) < 0.3, np.nan, rng.random(count) * 1e4)
    return frame


def test_every_example_of_the_readme_is_accepted_as_it_stands(tmp_path: Path) -> None:
    found = examples_of_the_readme()
    assert set(found) == set(RAW_TABLES)
    for table, content in found.items():
        put(tmp_path, content, table, "2026-01-20.csv")
    for table, rows in read_landed(tmp_path, [date(2026, 1, 20)]).items():
        result = screen(RAW_TABLES[table], rows)
        assert result.quarantined.empty, (table, result.quarantined.to_dict("records"))
        assert len(result.accepted) == len(found[table].splitlines()) - 1
    minimal = set(found["customers"].splitlines()[0].split(","))
    assert {column.name for column in CUSTOMERS.columns if not column.nullable} - {"known_at"} <= minimal


def test_csv_and_parquet_of_the_same_rows_give_the_same_accepted_frame(tmp_path: Path) -> None:
    rows = customer_frame()
    put_parquet(tmp_path / "parquet", rows)
    put(tmp_path / "csv", rows.to_csv(index=False))
    accepted = [
        screen(CUSTOMERS, read_landed(tmp_path / kind, [DAY])["customers"]).accepted.drop(
            columns=["source_file", "source_digest"]
        )
        for kind in ("parquet", "csv")
    ]
    assert len(accepted[0]) == len(rows)
    pd.testing.assert_frame_equal(accepted[0], accepted[1], check_exact=True)


def test_rows_come_as_text_with_their_file_its_digest_and_its_header(tmp_path: Path) -> None:
    path = put(tmp_path, CUSTOMERS_CSV.replace("C-0001", "007"))
    rows = read_landed(tmp_path, [DAY])["customers"]
    assert rows["customer_id"].tolist() == ["007", "C-0002"]
    assert rows["source_file"].unique().tolist() == ["customers/2026-01-01.csv"]
    assert rows["source_digest"].unique().tolist() == [hashlib.sha256(path.read_bytes()).hexdigest()]
    assert json.loads(rows["source_columns"].iloc[0]) == CUSTOMERS_CSV.splitlines()[0].split(",")
    assert (rows["landed_on"] == pd.Timestamp(DAY)).all()


def test_every_raw_table_is_there_even_when_nothing_landed(tmp_path: Path) -> None:
    read = read_landed(tmp_path / "nowhere", [DAY])
    assert set(read) == set(RAW_TABLES)
    assert all(screen(RAW_TABLES[name], rows).received == 0 for name, rows in read.items())


def test_only_the_days_asked_for_are_read(tmp_path: Path) -> None:
    put(tmp_path, CUSTOMERS_CSV)
    put(tmp_path, "not a table at all\x00", name="2026-01-02.csv")
    assert len(read_landed(tmp_path, [DAY])["customers"]) == 2
    assert [file.day for file in landed_files(tmp_path)] == [DAY, DAY + timedelta(1)]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    put(tmp_path, b"\xef\xbb\xbf" + CUSTOMERS_CSV.encode())
    assert "customer_id" in read_landed(tmp_path, [DAY])["customers"]


def test_one_files_missing_or_odd_column_does_not_change_how_another_files_ids_read(tmp_path: Path) -> None:
    whole = customer_frame(3).assign(customer_id=[12345678901234567, 2, 3])
    gap = customer_frame(3).assign(customer_id=pd.array([98765432109876543, None, 5], dtype="Int64"))
    put_parquet(tmp_path, whole)
    put_parquet(tmp_path, gap, DAY + timedelta(1))
    put_parquet(tmp_path, customer_frame(3).drop(columns="tenure_months"), DAY + timedelta(2))
    result = screen(CUSTOMERS, read_landed(tmp_path, [DAY + timedelta(n) for n in range(3)])["customers"])
    assert set(result.accepted["customer_id"]) == {"12345678901234567", "2", "3", "98765432109876543", "5"}
    assert result.accepted["tenure_months"].notna().all()
    assert result.receipts["quarantined"].tolist() == [0, 1, 3]
    assert set(result.quarantined["rule"]) == {"must not be blank", "column tenure_months is missing from the file"}


def test_decimals_and_dictionary_columns_of_parquet_are_read(tmp_path: Path) -> None:
    rows = customer_frame(2).astype({"contract": "category"})
    rows["monthly_charges"] = [Decimal("12.50"), Decimal("0.10")]
    put_parquet(tmp_path, rows)
    result = screen(CUSTOMERS, read_landed(tmp_path, [DAY])["customers"])
    assert result.quarantined.empty
    assert result.accepted["monthly_charges"].tolist() == [12.5, 0.1]


def test_what_is_landed_is_read_back_and_an_unchanged_file_is_left_alone(tmp_path: Path) -> None:
    rows = customer_frame(4).assign(landed_on=pd.to_datetime(["2026-01-01", "2026-01-01", "2026-01-02", "2026-01-02"]))
    assert land(tmp_path, {"customers": rows}) == 2
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert land(tmp_path, {"customers": rows}) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before
    changed = rows.assign(cltv=rows["cltv"].where(rows.index != 3, 1.0))
    assert land(tmp_path, {"customers": changed}) == 1
    read = read_landed(tmp_path, [DAY, DAY + timedelta(1)])["customers"]
    assert read["customer_id"].tolist() == rows["customer_id"].tolist()


@pytest.mark.parametrize(
    ("table", "name", "told"),
    [
        ("clients", "2026-01-01.csv", "clients is not a table; the landing folder takes customers, account_usage"),
        ("customers", "january.csv", "name it by its date, as customers/2026-01-31.csv"),
        ("customers", "20260101.csv", "name it by its date"),
        ("customers", "2026-W01-4.csv", "name it by its date"),
        ("customers", "2026-02-30.parquet", "name it by its date, as customers/2026-01-31.parquet"),
        ("customers", "2026-01-01.xlsx", "is not a .csv or .parquet file: convert it"),
        ("customers", "2026-01-01.CSV", "is not a .csv or .parquet file"),
        (".", "customers.csv", "lies beside the tables: put it into its table's folder"),
    ],
)
def test_a_file_that_would_be_overlooked_is_an_error_that_names_it(
    tmp_path: Path, table: str, name: str, told: str
) -> None:
    path = put(tmp_path, CUSTOMERS_CSV, table, name)
    assert (path.name if table != "clients" else "clients") in refused(tmp_path, told)


def test_a_hidden_file_and_a_note_beside_the_tables_are_let_be(tmp_path: Path) -> None:
    put(tmp_path, CUSTOMERS_CSV)
    put(tmp_path, "half", name=".2026-01-02.csv.tmp")
    (tmp_path / "README.md").write_text("what lies here")
    assert len(landed_files(tmp_path)) == 1


def test_csv_and_parquet_of_one_day_are_refused(tmp_path: Path) -> None:
    put(tmp_path, CUSTOMERS_CSV)
    put_parquet(tmp_path, customer_frame(2))
    assert "keep one of them" in refused(tmp_path, r"2026-01-01\.csv and .*2026-01-01\.parquet are both for 2026-01-01")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("2026-01-01.parquet", b"PAR1 this is not Parquet PAR1", "cannot be read as parquet"),
        ("2026-01-01.csv", b"", "cannot be read as csv"),
        ("2026-01-01.csv", "größe\n1\n".encode("latin-1"), "cannot be read as csv: 'utf-8'"),
        ("2026-01-01.csv", b'customer_id,gender\n"A,Male\n', "cannot be read as csv"),
        ("2026-01-01.csv", b"customer_id,gender\nA,Male,surplus\n", "cannot be read as csv"),
        ("2026-01-01.csv", b"customer_id,gender\nA,Male\nB,Male,surplus\n", "cannot be read as csv"),
        ("2026-01-01.csv", b"customer_id,gender,gender\nA,Male,Female\n", "it has the column 'gender' twice"),
        (
            "2026-01-01.csv",
            b"customer_id,landed_on\nA,2026-01-01\n",
            "has the column landed_on, which the platform adds",
        ),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_an_error_that_names_it_and_the_way_out(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    put(tmp_path, content, name=name)
    message = refused(tmp_path, told)
    assert f"customers/{name}" in message
    assert "Land the file again" in message or "rename it" in message


def test_a_truncated_parquet_file_is_an_error_and_its_whole_twin_is_not(tmp_path: Path) -> None:
    path = put_parquet(tmp_path, customer_frame())
    assert len(read_landed(tmp_path, [DAY])["customers"]) == 50
    path.write_bytes(path.read_bytes()[:-100])
    refused(tmp_path, "cannot be read as parquet")
