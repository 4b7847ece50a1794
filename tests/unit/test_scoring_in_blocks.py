"""A large day is scored in blocks: what is published does not know them, and no block is published without the others."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.adapters.snapshot_parquet import ROW_GROUP, SnapshotError
from churn_platform.adapters.snapshots import partitions, publish, publish_blocks, read_snapshot
from churn_platform.contracts.features import V2
from churn_platform.explanation import reason_bytes
from churn_platform.explanation import reasons as reasons_module
from churn_platform.explanation.contributions import Contributions
from churn_platform.explanation.reasons import rank, reasons_json, top_reasons
from churn_platform.flows.block_scoring import in_order
from churn_platform.scoring import ScoringError, day_order, feature_fingerprints

NOW = datetime(2026, 6, 3, 6, 0, tzinfo=UTC)


def frame(rows: int) -> pd.DataFrame:
    texts = [f"reason {i % 97}" for i in range(rows)]
    return pd.DataFrame({"customer_id": np.arange(rows), "reasons": pd.array(texts, dtype="str")})


@settings(max_examples=10)
@given(st.lists(st.integers(1, 2 * ROW_GROUP), min_size=1, max_size=4))
def test_the_published_bytes_do_not_depend_on_the_blocks(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    root = tmp_path_factory.mktemp("published")
    whole = frame(2 * ROW_GROUP + 11)
    edges = sorted({0, len(whole), *(cut % len(whole) for cut in cuts)})
    blocks = [whole.iloc[start:stop] for start, stop in pairwise(edges)]
    one = publish(root, "whole", "day", whole, {}, NOW)
    other = publish_blocks(root, "blocks", "day", blocks, {}, NOW)
    assert (one.digest, one.rows) == (other.digest, other.rows)
    pd.testing.assert_frame_equal(read_snapshot(root, "blocks", "day")[0], whole)


def test_what_repeats_is_written_as_a_dictionary_and_what_does_not_as_it_is(tmp_path: Path) -> None:
    rows = 2 * ROW_GROUP
    whole = frame(rows).assign(
        band=pd.Categorical.from_codes(np.arange(rows) % 3, ["low", "medium", "high"]),
        fingerprint=pd.array([f"{i:016x}" for i in range(rows)], dtype="str"),
        lists=[[i] for i in range(rows)],
    )
    snapshot = publish(tmp_path, "scores", "day", whole, {}, NOW)
    file = pq.ParquetFile(tmp_path / "scores" / "day" / f"{snapshot.digest}.parquet")
    group = file.metadata.row_group(1)
    encodings = {group.column(i).path_in_schema: group.column(i).encodings for i in range(group.num_columns)}
    dictionary = {name for name, used in encodings.items() if "RLE_DICTIONARY" in used}
    assert dictionary == {"reasons", "band"}
    assert read_snapshot(tmp_path, "scores", "day")[0]["fingerprint"].equals(whole["fingerprint"])


def test_a_day_whose_third_block_fails_leaves_what_was_published(tmp_path: Path) -> None:
    before = publish(tmp_path, "scores", "day", frame(5), {}, NOW)

    def score(start: int) -> pd.DataFrame:
        if start == 2:
            raise ScoringError("the third block")
        return frame(ROW_GROUP)

    with pytest.raises(ScoringError, match="the third block"):
        publish_blocks(tmp_path, "scores", "day", in_order(score, range(9)), {}, NOW)
    assert read_snapshot(tmp_path, "scores", "day")[1] == before
    with pytest.raises(ScoringError):
        publish_blocks(tmp_path, "scores", "first", in_order(score, range(9)), {}, NOW)
    assert partitions(tmp_path, "scores") == ("day",)


def test_blocks_of_other_columns_and_a_day_without_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="other columns than the first"):
        publish_blocks(tmp_path, "scores", "day", [frame(3), frame(3)[["reasons", "customer_id"]]], {}, NOW)
    with pytest.raises(SnapshotError, match="0 rows"):
        publish_blocks(tmp_path, "scores", "day", [], {}, NOW)
    assert partitions(tmp_path, "scores") == ()


def test_blocks_come_in_order_whoever_finishes_first() -> None:
    assert list(in_order(lambda start: start * start, range(50))) == [start * start for start in range(50)]


def test_a_customer_twice_is_seen_over_the_whole_day_and_the_order_is_by_customer() -> None:
    rows = pd.DataFrame({"customer_id": ["B", "C", "A"], "observation_date": pd.Timestamp("2026-06-03")})
    assert day_order(rows).tolist() == [2, 0, 1]
    assert day_order(rows.iloc[day_order(rows)]).tolist() == [0, 1, 2]
    for ids in (["B", "C", "B"], ["A", "B", "B"]):
        with pytest.raises(ScoringError, match="customer B is scored twice on one day"):
            day_order(rows.assign(customer_id=ids))
    with pytest.raises(ScoringError, match="zero rows is an error"):
        day_order(rows.head(0))


def test_a_fingerprint_is_the_same_for_texts_objects_and_categories() -> None:
    texts = pd.DataFrame({"contract": ["One year", None, "Two year", "One year"]}, dtype="str")
    prints = [feature_fingerprints(texts.astype(kind), "v1", ["contract"]) for kind in ("str", "object", "category")]
    assert prints[0].tolist() == prints[1].tolist() == prints[2].tolist()
    assert prints[0].nunique() == 3


def test_categories_that_python_holds_for_equal_keep_their_own_fingerprints() -> None:
    def prints(values: list[object]) -> list[str]:
        frame = pd.DataFrame({"x": pd.Series(values, dtype=object).astype("category")})
        return feature_fingerprints(frame, "v1", ["x"]).tolist()

    assert prints([1, 2]) == prints([1.0, 2.0])
    assert prints([True, False]) == prints(["True", "False"]) != prints([1, 0])


@given(st.floats(0, 1e6))
def test_a_contribution_is_rounded_as_python_rounds_it(amount: float) -> None:
    for value in (amount, round(amount, 6) + 5e-7, np.nextafter(round(amount, 6) + 5e-7, 0)):
        assert int(f"{value:.6f}".replace(".", "")) == reason_bytes.scaled(value, 1e6)


def test_the_texts_that_are_kept_are_bounded_over_all_features_and_come_out_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reasons_module, "ENCODED", 50)
    feature = V2.feature("total_charges")
    first = reasons_module._encoded(feature, [(float(n), 1) for n in range(40)])
    for start in range(0, 4_000, 40):
        reasons_module._encoded(feature, [(float(start + n), 1) for n in range(40)])
        assert sum(map(len, reasons_module._kept.values())) <= 50 + 40
    assert reasons_module._encoded(feature, [(float(n), 1) for n in range(40)]) == first


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_the_compiled_reasons_are_those_of_the_plain_way(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    columns = {
        feature.name: rng.choice(feature.domain, 20) if feature.is_categorical else rng.integers(0, 9, 20) / 4
        for feature in V2.features
    }
    values = pd.DataFrame(columns)
    amounts = rng.integers(-2, 3, values.shape) * rng.choice([1e-7, 0.37, 12.5], values.shape)
    chosen = np.empty((20, min(k, values.shape[1])), dtype=np.int16)
    reason_bytes.pick_rows(amounts, chosen)
    assert np.array_equal(chosen, rank(amounts, k))
    both = Contributions(V2.names, amounts, np.zeros(20), amounts.sum(axis=1))
    for text, reasons in zip(reasons_json(both, values, V2, k), top_reasons(both, values, V2, k), strict=True):
        told = [json.dumps(one.as_dict(), ensure_ascii=False) for one in reasons]
        plain = [
            one.replace(
                f'"contribution": {json.dumps(reason.contribution)}', f'"contribution": {reason.contribution:.6f}'
            )
            for one, reason in zip(told, reasons, strict=True)
        ]
        assert text == "[" + ", ".join(plain) + "]"
