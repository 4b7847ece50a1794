"""The warehouse: days are replaced whole or not at all, and a locked or broken file says so."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from churn_platform.adapters.warehouse import Warehouse, WarehouseError
from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.feeds.quarantine import Screened, screen

DAY = date(2026, 3, 4)
TABLE = RAW_TABLES["churn_events"]


def events(ids: list[str], day: date = DAY, digest: str = "d1", **changed: Any) -> Screened:
    rows = pd.DataFrame(
        {"customer_id": ids, "churned_on": str(day), "known_at": str(day), "churn_category": None, "churn_reason": "x"}
    ).assign(**changed)
    return screen(
        TABLE,
        rows.assign(
            landed_on=pd.Timestamp(day).as_unit("s"), source_file=f"churn_events/{day}.csv", source_digest=digest
        ),
    )


def content(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    with warehouse.connect(read_only=True) as connection:
        return {
            name: sorted(connection.execute(f"SELECT * FROM raw.{name}").fetchall(), key=str)
            for name in (*RAW_TABLES, "quarantine", "receipts")
        }


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse" / "warehouse.duckdb")


def test_replacing_a_day_twice_is_replacing_it_once(warehouse: Warehouse) -> None:
    part = events(["A", "B", ""])
    warehouse.replace_days([DAY], [part])
    once = content(warehouse)
    warehouse.replace_days([DAY], [part])
    assert content(warehouse) == once
    assert warehouse.stored_rows([DAY])["churn_events"] == 2
    assert warehouse.stored_rows([DAY])["quarantine"] == 1


def test_a_corrected_file_replaces_its_day_and_leaves_the_others(warehouse: Warehouse) -> None:
    next_day = DAY + timedelta(1)
    for day in (DAY, next_day):
        warehouse.replace_days([day], [events(["A", ""], day)])
    before = content(warehouse)
    warehouse.replace_days([DAY], [events(["C"], DAY, "d2")])
    assert warehouse.query("SELECT customer_id FROM raw.churn_events ORDER BY landed_on")["customer_id"].tolist() == [
        "C",
        "A",
    ]
    assert warehouse.stored_rows([DAY])["quarantine"] == 0
    assert warehouse.stored_rows([next_day]) == {**dict.fromkeys(RAW_TABLES, 0), "churn_events": 1, "quarantine": 1}
    assert [row for row in content(warehouse)["receipts"] if next_day in row] == [
        row for row in before["receipts"] if next_day in row
    ]


def test_a_day_whose_files_are_gone_is_emptied(warehouse: Warehouse) -> None:
    warehouse.replace_days([DAY], [events(["A", ""])])
    warehouse.replace_days([DAY], [])
    assert all(not rows for rows in content(warehouse).values())


def test_a_failing_insert_leaves_the_old_rows_of_every_table(warehouse: Warehouse) -> None:
    warehouse.replace_days([DAY], [events(["A", ""])])
    before = content(warehouse)
    good = events(["B", "C"], digest="d2")
    broken = replace(good, receipts=good.receipts.drop(columns="received"))
    with pytest.raises(duckdb.Error, match="received"):
        warehouse.replace_days([DAY], [broken])
    assert content(warehouse) == before
    # control: the same replacement without the fault does change them
    warehouse.replace_days([DAY], [good])
    assert content(warehouse) != before


def test_rows_of_a_day_that_is_not_replaced_are_refused_since_they_would_double(warehouse: Warehouse) -> None:
    warehouse.prepare()
    with pytest.raises(WarehouseError, match="landed on 2026-03-05, which is not among the days"):
        warehouse.replace_days([DAY], [events(["A"], DAY + timedelta(1))])
    assert all(not rows for rows in content(warehouse).values())


def test_receipts_add_up_over_all_files_or_one_day(warehouse: Warehouse) -> None:
    next_day = DAY + timedelta(1)
    warehouse.replace_days([DAY, next_day], [events(["A", "B", ""])])
    warehouse.replace_days([next_day], [events(["C"], next_day)])
    assert warehouse.receipts().to_dict("records") == [
        {"table_name": "churn_events", "received": 4, "accepted": 3, "quarantined": 1}
    ]
    assert warehouse.receipts(next_day)["received"].tolist() == [1]


def test_types_survive_the_way_into_the_warehouse(warehouse: Warehouse) -> None:
    awkward = "naïve \U0001f4de 'quoted' \x00 end"
    warehouse.replace_days([DAY], [events(["A"], churn_reason=awkward)])
    row = warehouse.query("SELECT * FROM raw.churn_events").iloc[0]
    assert row["churn_reason"] == awkward
    assert row["churned_on"] == pd.Timestamp(DAY)
    assert pd.isna(row["churn_category"])


HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_file_held_by_another_process_is_an_error_with_the_way_out(warehouse: Warehouse) -> None:
    warehouse.prepare()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(warehouse.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            for work in (warehouse.prepare, warehouse.receipts, lambda: warehouse.replace_days([DAY], [events(["A"])])):
                with pytest.raises(
                    WarehouseError, match=r"is held by another process .*; wait for its run to end, or stop"
                ):
                    work()
        finally:
            holder.stdin.close()
            holder.wait(20)
    warehouse.replace_days([DAY], [events(["A"])])  # once it is gone, the same call works


def test_a_file_that_is_no_database_is_told_apart_from_a_locked_one(warehouse: Warehouse) -> None:
    warehouse.path.parent.mkdir(parents=True)
    warehouse.path.write_bytes(b"this is a text file, not a database" * 500)
    with pytest.raises(WarehouseError, match=r"cannot be opened .*move it away"):
        warehouse.prepare()


def test_reading_before_the_first_run_says_what_to_run(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="run `churn run` first"):
        warehouse.receipts()
    assert not warehouse.has_features()
    assert not warehouse.path.exists()


def test_features_are_there_once_both_tables_are(warehouse: Warehouse) -> None:
    warehouse.prepare()
    for number, there in ((1, False), (2, True)):
        with warehouse.connect() as connection:
            connection.execute(f"CREATE TABLE features_v{number} (x INTEGER)")
        assert warehouse.has_features() is there


def _asked_by_another_process(path: Path) -> str:
    ask = f"import duckdb; duckdb.connect({str(path)!r}, read_only=True); print('open')"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr


def test_a_held_warehouse_is_read_and_written_inside_and_shut_to_others(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    warehouse.prepare()
    assert _asked_by_another_process(warehouse.path) == "open"  # the control
    with warehouse.held(), Warehouse(warehouse.path).held():
        with warehouse.connect() as connection:
            connection.execute("CREATE TABLE notes AS SELECT 1 AS n")
        with warehouse.reading():
            assert warehouse.query("SELECT n FROM notes")["n"].tolist() == [1]
        assert "lock" in _asked_by_another_process(warehouse.path).lower()
    assert _asked_by_another_process(warehouse.path) == "open"
    assert warehouse.query("SELECT n FROM notes")["n"].tolist() == [1]


def test_a_hold_ends_with_what_it_was_for_however_that_ends(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    warehouse.prepare()
    with pytest.raises(ZeroDivisionError), warehouse.held():
        raise ZeroDivisionError
    assert _asked_by_another_process(warehouse.path) == "open"


def test_texts_read_as_codes_are_the_texts(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    warehouse.prepare()
    sql = "SELECT * FROM (VALUES ('a', 1, DATE '2026-01-01'), (NULL, NULL, NULL), ('b', 2, DATE '2026-01-02')) AS t(name, n, day)"
    plain, coded = warehouse.query(sql), warehouse.coded(sql)
    assert isinstance(coded["name"].dtype, pd.CategoricalDtype)
    assert coded["name"].astype("object").where(coded["name"].notna(), None).tolist() == ["a", None, "b"]
    assert plain["n"].isna().tolist() == coded["n"].isna().tolist() == [False, True, False]
    assert pd.to_datetime(coded["day"]).equals(pd.to_datetime(plain["day"]).astype(coded["day"].dtype))
