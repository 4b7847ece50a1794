"""A day's feature rows in a Parquet file: read ahead in their order, or sorted, or refused with what is wrong with them."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_scoring_checks import Package, customers, platform

from churn_platform.adapters import feature_file
from churn_platform.adapters.feature_file import FeatureFile
from churn_platform.adapters.snapshots import NothingPublishedError, read_snapshot
from churn_platform.flows import block_scoring, scored_file
from churn_platform.flows import scoring as flow
from churn_platform.scoring import ScoringError, day_order

DAY = date(2026, 6, 3)
DATES = {
    "ns": pa.timestamp("ns"),
    "us": pa.timestamp("us"),
    "seconds": pa.timestamp("s"),
    "date": pa.date32(),
    "date64": pa.date64(),
}
TEXTS = {"string": pa.string(), "large": pa.large_string(), "coded": pa.dictionary(pa.int32(), pa.string())}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(st.one_of(st.none(), st.text("ABab1 é", max_size=3)), min_size=1, max_size=8),
    sort=st.booleans(),
    days=st.lists(st.sampled_from([DAY, DAY, DAY, DAY, date(2026, 6, 4), None]), min_size=8, max_size=8),
    dates=st.sampled_from(list(DATES.values())),
    texts=st.sampled_from(list(TEXTS.values())),
)
def test_rows_that_stand_in_order_are_those_that_the_day_s_order_leaves_where_they_are(
    tmp_path: Path,
    ids: list[str | None],
    sort: bool,
    days: list[date | None],
    dates: pa.DataType,
    texts: pa.DataType,
) -> None:
    """The oracle is the slow road: pandas' own sort, and its comparison of days."""
    if sort:
        ids = sorted(set(ids), key=lambda text: (text is None, (text or "").encode()))
    path = tmp_path / "features.parquet"
    table = pa.table({"customer_id": pa.array(ids, texts), "observation_date": pa.array(days[: len(ids)]).cast(dates)})
    pq.write_table(table, path, row_group_size=3)
    with FeatureFile(path, DAY) as file:
        straight, keys = file.stands_in_order(), file.keys()
        assert file.customers() == len(ids)
    known = all(one == DAY for one in days[: len(ids)]) and None not in ids
    try:
        stays = known and day_order(keys).tolist() == list(range(len(ids)))
    except ScoringError:
        stays = False
    assert straight == (stays and texts != TEXTS["coded"])


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"observation_date": [DAY] * 3}, "lacks customer_id"),
        ({"customer_id": ["A", "B", "C"]}, "lacks observation_date"),
    ],
)
def test_a_file_without_a_key_is_refused_by_its_name(
    tmp_path: Path, columns: dict[str, list[Any]], reason: str
) -> None:
    path = tmp_path / "features.parquet"
    pq.write_table(pa.table(columns), path)
    with FeatureFile(path, DAY) as file, pytest.raises(ScoringError, match=reason):
        file.require(["tenure_months"], "v1")


def test_blocks_are_the_rows_and_are_read_before_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = customers(1_000).assign(contract=pd.Series(["One year", None] * 500, dtype="str"))
    rows.to_parquet(tmp_path / "features.parquet", index=False)
    begun, read = threading.Semaphore(0), FeatureFile._read_blocks

    def told(self: FeatureFile, *arguments: Any) -> Any:
        for block in read(self, *arguments):
            begun.release()
            yield block

    monkeypatch.setattr(FeatureFile, "_read_blocks", told)
    with FeatureFile(tmp_path / "features.parquet", DAY) as file:
        blocks = file.blocks(["tenure_months", "contract"], ["contract"], 300)
        for _ in range(feature_file.AHEAD):
            assert begun.acquire(timeout=30)
        found = list(blocks)
        whole = file.rows(["tenure_months", "contract"], ["contract"])
    assert [len(block) for block in found] == [300, 300, 300, 100]
    together = pd.concat(found, ignore_index=True)
    assert str(whole["contract"].dtype) == "category"
    for frame in (together, whole):
        frame["contract"] = frame["contract"].astype("str")
        frame["observation_date"] = frame["observation_date"].astype(rows["observation_date"].dtype)
        pd.testing.assert_frame_equal(frame[list(rows.columns)], rows)


def test_a_file_that_is_replaced_meanwhile_is_read_as_it_was(tmp_path: Path) -> None:
    path, later = tmp_path / "features.parquet", tmp_path / "later.parquet"
    rows = customers(200)
    rows.to_parquet(path, index=False)
    rows.assign(customer_id=rows["customer_id"].iloc[::-1].to_numpy()).to_parquet(later, index=False)
    with FeatureFile(path, DAY) as file:
        assert file.stands_in_order()
        later.replace(path)
        found = pd.concat(file.blocks(["tenure_months"], [], 64), ignore_index=True)
    assert found["customer_id"].tolist() == rows["customer_id"].tolist()
    with FeatureFile(path, DAY) as file:
        assert not file.stands_in_order()  # the control: what replaced it is another order


def test_a_file_that_is_left_unread_costs_nothing_and_one_that_breaks_is_an_error(tmp_path: Path) -> None:
    before = threading.active_count()
    customers(50).to_parquet(tmp_path / "features.parquet", index=False)
    with FeatureFile(tmp_path / "features.parquet", DAY):
        pass
    (tmp_path / "damaged.parquet").write_bytes((tmp_path / "features.parquet").read_bytes()[:-9] + b"nonsense!")
    with FeatureFile(tmp_path / "damaged.parquet", DAY) as file, pytest.raises(ScoringError, match="write it again"):
        file.require(["tenure_months"], "v1")
    assert threading.active_count() == before


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("column", ["customer_id", "tenure_months"])
def test_damage_inside_a_file_is_an_error_that_says_the_way_out_and_nothing_is_published(
    score: Any, tmp_path: Path, column: str, shuffled: bool
) -> None:
    """The footer is whole, so that the damage shows only where a column is read: keys, blocks, or all rows at once."""
    rows = customers(3_000).sample(frac=1, random_state=2) if shuffled else customers(3_000)
    good = score(rows, "good")
    assert good.snapshot.rows == 3_000  # the control
    content = bytearray((tmp_path / "good.parquet").read_bytes())
    group = pq.ParquetFile(tmp_path / "good.parquet").metadata.row_group(0)
    chunk = next(one for one in (group.column(i) for i in range(group.num_columns)) if one.path_in_schema == column)
    first = chunk.dictionary_page_offset or chunk.data_page_offset
    content[first : first + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    with pytest.raises(ScoringError, match=r"damaged\.parquet cannot be read as Parquet .*: write it again"):
        score(bytes(content), "damaged")
    with pytest.raises(NothingPublishedError):
        read_snapshot(tmp_path / "damaged", flow.DATASET, DAY.isoformat())


def test_a_file_that_cannot_be_opened_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(ScoringError, match=r"nowhere\.parquet cannot be read"):
        FeatureFile(tmp_path / "nowhere.parquet", DAY)


@pytest.fixture
def score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    package: Any = Package()
    package.pattern_tables = None
    monkeypatch.setattr(scored_file, "champion_package", lambda _: ("churn-1", package))
    monkeypatch.setattr(scored_file, "refuse_if_stopped", lambda _: None)
    monkeypatch.setattr(block_scoring, "BLOCK", 64)
    monkeypatch.setattr(scored_file, "BLOCK", 64)

    def scored(rows: pd.DataFrame | bytes, home: str) -> Any:
        path = tmp_path / f"{home}.parquet"
        if isinstance(rows, bytes):
            path.write_bytes(rows)
        else:
            rows.to_parquet(path, index=False)
        with FeatureFile(path, DAY) as file:
            return scored_file.score_file(platform(tmp_path / home), file)

    return scored


def test_a_file_in_any_order_is_the_same_day(score: Any) -> None:
    rows = customers(300)
    straight, shuffled = score(rows, "straight"), score(rows.sample(frac=1, random_state=3), "shuffled")
    coded = score(rows.assign(customer_id=rows["customer_id"].astype("category")), "coded")
    assert straight.snapshot.digest == shuffled.snapshot.digest == coded.snapshot.digest
    assert straight.snapshot.rows == 300
    assert score(rows.head(299), "fewer").snapshot.digest != straight.snapshot.digest  # the control


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (lambda rows: rows.head(0), "there are no customers to score"),
        (lambda rows: pd.concat([rows, rows.tail(1)]), "scored twice on one day"),
        (lambda rows: rows.assign(observation_date=pd.Timestamp("2026-06-04")), "100 of 100 rows .* score each day"),
        (lambda rows: rows.assign(observation_date=rows["observation_date"].where(rows.index != 7)), "1 of 100 rows"),
        (lambda rows: rows.drop(columns="tenure_months"), "lacks tenure_months: it is not a table of v1"),
    ],
    ids=["nobody", "twice", "another day", "no day", "no column"],
)
def test_a_file_that_is_not_the_day_publishes_nothing_and_says_why(
    score: Any, tmp_path: Path, spoilt: Any, reason: str
) -> None:
    with pytest.raises(ScoringError, match=reason):
        score(spoilt(customers(100)), "spoilt")
    with pytest.raises(NothingPublishedError):
        read_snapshot(tmp_path / "spoilt", flow.DATASET, DAY.isoformat())
