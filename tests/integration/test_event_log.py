"""The platform's event log beside Dagster's own: the same runs, asked the same questions, give the same answers."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-11")


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("is_even", asset="rows"), dg.AssetCheckSpec("is_there", asset="rows")],
)
def rows(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """A day's rows."""
    keys = context.partition_keys
    yield dg.MaterializeResult(metadata={"days": len(keys)}, tags={"kept": keys[0]})
    yield dg.AssetCheckResult(check_name="is_even", passed=int(keys[0][-1]) % 2 == 0, metadata={"day": keys[0]})
    yield dg.AssetCheckResult(check_name="is_there", passed=True)


@dg.asset(deps=[rows])
def total() -> dg.MaterializeResult:  # type: ignore[type-arg]
    """All rows."""
    return dg.MaterializeResult(metadata={"rows": 1})


@dg.asset(deps=[total])
def broken() -> None:
    """Never works."""
    raise ValueError("as planned")


def lived(folder: Path, ours: bool) -> dg.DagsterInstance:
    """An instance on which a day, a range, a day again and a failing asset were run."""
    folder.mkdir()
    overrides: dict[str, Any] = {"telemetry": {"enabled": False}}
    if ours:
        storage = {"module": "churn_platform.defs.event_log", "class": "RangeEventLogStorage"}
        overrides["event_log_storage"] = {**storage, "config": {"base_dir": str(folder / "history")}}
    instance = dg.DagsterInstance.local_temp(str(folder), overrides=overrides)
    span = {"dagster/asset_partition_range_start": "2026-01-03", "dagster/asset_partition_range_end": "2026-01-08"}
    assert dg.materialize([rows], instance=instance, partition_key="2026-01-01").success
    assert dg.materialize([rows], instance=instance, tags=span).success
    assert dg.materialize([rows], instance=instance, partition_key="2026-01-04").success
    assert not dg.materialize([total, broken], instance=instance, raise_on_error=False).success
    return instance


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dg.DagsterInstance, dg.DagsterInstance]]:
    folder = tmp_path_factory.mktemp("logs")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DAGSTER_EVENT_BATCH_SIZE", "5000")
        ours = lived(folder / "ours", True)
        patched.delenv("DAGSTER_EVENT_BATCH_SIZE")
        theirs = lived(folder / "theirs", False)
        yield ours, theirs
        ours.dispose()
        theirs.dispose()


def materializations(instance: dg.DagsterInstance, asset: str) -> list[Any]:
    found = instance.fetch_materializations(dg.AssetKey(asset), limit=100).records
    return [
        (r.partition_key, dict(r.asset_materialization.metadata), r.asset_materialization.tags.get("kept"))
        for r in found
    ]  # type: ignore[union-attr]


def checks(instance: dg.DagsterInstance, check: str) -> list[Any]:
    history = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("rows"), check), limit=100
    )
    told = []
    for record in history:
        evaluation = record.event.dagster_event.event_specific_data if record.event else None  # type: ignore[union-attr]
        target = getattr(evaluation, "target_materialization_data", None)
        told.append((record.status, record.partition, getattr(evaluation, "passed", None), target is not None))
    return told


def logs(instance: dg.DagsterInstance) -> list[list[str]]:
    runs = sorted(instance.get_run_records(), key=lambda record: record.storage_id)
    return [
        sorted(e.dagster_event_type.value for e in instance.all_logs(run.dagster_run.run_id) if e.dagster_event_type)
        for run in runs
    ]


def test_every_run_has_the_same_events(both: tuple[dg.DagsterInstance, dg.DagsterInstance]) -> None:
    ours, theirs = both
    assert len(logs(theirs)) == 4
    assert logs(ours) == logs(theirs)


@pytest.mark.parametrize("asset", ["rows", "total", "broken"])
def test_every_asset_has_the_same_materializations_newest_first(
    both: tuple[dg.DagsterInstance, dg.DagsterInstance], asset: str
) -> None:
    ours, theirs = both
    assert materializations(ours, asset) == materializations(theirs, asset)


def test_every_asset_has_the_same_last_event_and_the_same_days(
    both: tuple[dg.DagsterInstance, dg.DagsterInstance],
) -> None:
    def told(instance: dg.DagsterInstance) -> list[Any]:
        records = instance.get_asset_records([dg.AssetKey(name) for name in ("rows", "total", "broken")])
        return sorted(
            (
                str(record.asset_entry.asset_key),
                last.partition_key if (last := record.asset_entry.last_materialization_record) else None,
                sorted(instance.get_materialized_partitions(record.asset_entry.asset_key)),
            )
            for record in records
        )

    assert told(both[0]) == told(both[1])
    assert len(told(both[0])[1][2]) + len(told(both[0])[2][2]) > 0


@pytest.mark.parametrize("check", ["is_even", "is_there"])
def test_every_check_has_the_same_evaluations(both: tuple[dg.DagsterInstance, dg.DagsterInstance], check: str) -> None:
    ours, theirs = both
    assert checks(ours, check) == checks(theirs, check)
    assert len(checks(ours, check)) >= 3


def test_the_index_points_at_the_events_that_it_names(both: tuple[dg.DagsterInstance, dg.DagsterInstance]) -> None:
    ours, _ = both
    for record in ours.fetch_materializations(dg.AssetKey("rows"), limit=100).records:
        event = record.event_log_entry.dagster_event
        assert event is not None
        assert event.partition == record.partition_key
    index = Path(ours.event_log_storage.path_for_shard("index"))  # type: ignore[attr-defined]
    with sqlite3.connect(index) as database:
        crossed = database.execute(
            "SELECT count(*) FROM asset_check_executions c JOIN event_logs e ON e.id = c.evaluation_event_storage_id "
            "WHERE e.asset_key IS NOT NULL AND e.asset_key <> c.asset_key"
        ).fetchone()[0]
    assert crossed == 0
