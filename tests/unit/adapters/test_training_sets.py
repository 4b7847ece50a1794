"""Training sets on disk: named by their content, and proven when read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_platform.adapters.training_sets import TrainingSetError, read_training_set, write_training_set
from churn_platform.contracts.features import V2, Feature, FeatureSet
from churn_platform.training.digest import training_digest
from churn_platform.training.examples import TrainingExamples, training_examples

SMALL = FeatureSet("v2", (V2.feature("contract"), V2.feature("monthly_charges"), V2.feature("usage_trend")))
HORIZON = timedelta(days=30)


def examples(order_seed: int = 0, as_of: date = date(2026, 6, 1)) -> TrainingExamples:
    rng = np.random.default_rng(4)
    rows = 60
    features = pd.DataFrame(
        {
            "customer_id": [f"made-up-{number}" for number in range(rows)],
            "observation_date": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 20, rows), unit="D"),
            "contract": rng.choice(["Month-to-month", "Two year", None], rows),
            "monthly_charges": np.where(rng.random(rows) < 0.2, np.nan, rng.gamma(2, 30, rows)),
            "usage_trend": np.nan,
        }
    )
    features["attributes_known_at"] = features["observation_date"]
    outcomes = features[["customer_id", "observation_date"]].copy()
    outcomes["matured_on"] = outcomes["observation_date"] + HORIZON
    outcomes["churned_on"] = (outcomes["observation_date"] + pd.Timedelta(days=4)).where(rng.random(rows) < 0.4)
    outcomes["churn_known_at"] = outcomes["churned_on"]
    return training_examples(
        features.sample(frac=1, random_state=order_seed),
        outcomes.sample(frac=1, random_state=order_seed + 1),
        SMALL,
        as_of,
        SimpleNamespace(window=timedelta(days=365)),  # type: ignore[arg-type]
        HORIZON,
    )


def test_what_was_written_is_read_with_every_dtype(tmp_path: Path) -> None:
    written = examples()
    ref = write_training_set(tmp_path / "sets", written)
    read = read_training_set(tmp_path / "sets", ref.digest)
    pd.testing.assert_frame_equal(read.frame, written.frame)
    assert replace(read, frame=written.frame) == written
    assert ref.rows == len(written)
    assert ref.path.name == f"{ref.digest}.parquet"


def test_row_order_changes_neither_the_digest_nor_the_number_of_files(tmp_path: Path) -> None:
    refs = {write_training_set(tmp_path, examples(seed)) for seed in range(5)}
    assert len(refs) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_another_as_of_or_value_is_another_training_set(tmp_path: Path) -> None:
    one = examples()
    frame = one.frame.assign(monthly_charges=one.frame["monthly_charges"] + 0.01)
    digests = {
        write_training_set(tmp_path, other).digest
        for other in (one, examples(as_of=date(2026, 6, 2)), replace(one, frame=frame))
    }
    assert len(digests) == 3


def test_writing_again_leaves_the_file_alone(tmp_path: Path) -> None:
    ref = write_training_set(tmp_path, examples())
    before = ref.path.stat().st_mtime_ns
    write_training_set(tmp_path, examples(1))
    assert ref.path.stat().st_mtime_ns == before


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_half_written_file_is_refused_and_then_replaced(tmp_path: Path, share: float) -> None:
    ref = write_training_set(tmp_path, examples())
    whole = ref.path.read_bytes()
    ref.path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(TrainingSetError, match="Delete it and train again"):
        read_training_set(tmp_path, ref.digest)
    write_training_set(tmp_path, examples())
    assert len(read_training_set(tmp_path, ref.digest)) == 60


def test_content_under_another_name_is_refused(tmp_path: Path) -> None:
    one = write_training_set(tmp_path, examples())
    other = write_training_set(tmp_path, examples(as_of=date(2026, 6, 2)))
    one.path.write_bytes(other.path.read_bytes())
    with pytest.raises(TrainingSetError, match="holds content with digest"):
        read_training_set(tmp_path, one.digest)


def test_a_changed_value_is_refused(tmp_path: Path) -> None:
    """With a control: rewriting the same table by the same road is accepted."""
    ref = write_training_set(tmp_path, examples())
    table = pq.read_table(ref.path)
    pq.write_table(table, ref.path, compression="gzip")
    assert training_digest(read_training_set(tmp_path, ref.digest)) == ref.digest
    churned = table["churned"].to_pylist()
    churned[7] = 1 - churned[7]
    place = table.schema.get_field_index("churned")
    pq.write_table(table.set_column(place, "churned", pa.array(churned, pa.int8())), ref.path)
    with pytest.raises(TrainingSetError, match="holds content with digest"):
        read_training_set(tmp_path, ref.digest)


def test_a_category_outside_its_domain_is_refused(tmp_path: Path) -> None:
    written = examples()
    strange = written.frame["contract"].astype(object).where(written.frame.index != 3, "Weekly")
    domain = ("Month-to-month", "One year", "Two year", "Weekly")
    wider = replace(
        written,
        frame=written.frame.assign(contract=pd.Categorical(strange, categories=list(domain))),
        features=(Feature("contract", "billing", "contract", domain), *written.features[1:]),
    )
    ref = write_training_set(tmp_path, wider)
    assert len(read_training_set(tmp_path, ref.digest)) == 60
    table = pq.read_table(ref.path)
    narrow = {b"training_set": table.schema.metadata[b"training_set"].replace(b', "Weekly"', b"")}
    pq.write_table(table.replace_schema_metadata(narrow), ref.path)
    with pytest.raises(TrainingSetError, match="contract holds"):
        read_training_set(tmp_path, ref.digest)


def test_a_missing_set_and_a_name_that_is_no_digest_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingSetError, match="There is no training set 0000"):
        read_training_set(tmp_path, "0" * 64)
    for name in ("../secrets", "latest", "A" * 64):
        with pytest.raises(TrainingSetError, match="is not a digest"):
            read_training_set(tmp_path, name)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", broken)
        with pytest.raises(OSError, match="disk full"):
            write_training_set(tmp_path, examples())
    assert list(tmp_path.iterdir()) == []


def test_the_day_of_a_change_is_kept_and_part_of_the_name(tmp_path: Path) -> None:
    plain, changed = examples(), replace(examples(), changed_on=date(2026, 1, 9))
    names = [write_training_set(tmp_path, one).digest for one in (plain, changed)]
    assert names[0] != names[1]
    assert [read_training_set(tmp_path, name).changed_on for name in names] == [None, date(2026, 1, 9)]
