"""The Dagster instance of this home: its `dagster.yaml`, and opening it.

Settings as measured: one run at a time in the warehouse pool (a parallel writer fails on DuckDB's lock), run monitoring that frees the
slot of a killed run, no telemetry, no first-visit dialog.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import dagster as dg

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.defs.event_log import BATCH_SIZE
from churn_platform.settings import Settings

DAGSTER_YAML = """\
# Written by the platform; remove the file to have it written anew.
telemetry:
  enabled: false
concurrency:
  pools:
    default_limit: 1
  runs:
    max_concurrent_runs: 2
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 5
  poll_interval_seconds: 10
event_log_storage:
  module: churn_platform.defs.event_log
  class: RangeEventLogStorage
  config:
    base_dir: {env: DAGSTER_HOME} # so that the home can be moved or copied
compute_logs:
  module: churn_platform.defs.captured_output
  class: FileComputeLogManager
  config:
    base_dir: {env: DAGSTER_HOME}
"""
WITH_ITS_PLACE = re.compile(r'base_dir: "[^"\n]*"')
"""How an earlier version wrote it: a copied home would go on writing into the one that it was copied from."""


def prepare_dagster_home(settings: Settings) -> Path:
    """Write `dagster.yaml` where there is none, and answer the first-visit dialog; returns the folder."""
    home = settings.dagster_home
    written = home / "dagster.yaml"
    if not written.is_file():
        write_atomically(written, DAGSTER_YAML.encode())
    elif WITH_ITS_PLACE.search(text := written.read_text()):
        write_atomically(written, WITH_ITS_PLACE.sub("base_dir: {env: DAGSTER_HOME}", text).encode())
    if not (home / ".nux" / "nux.yaml").is_file():
        write_atomically(home / ".nux" / "nux.yaml", b"seen: 1\n")
    return home


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The persistent instance, so that a run from the command line shows in the UI; slots of dead runs are freed first."""
    home = prepare_dagster_home(settings)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(BATCH_SIZE))
    instance = dg.DagsterInstance.get()
    _bury_dead_runs(instance)
    return instance


def _bury_dead_runs(instance: dg.DagsterInstance) -> None:
    """Fail in-process runs whose process is gone, and free the pool slots they hold: without the daemon nobody else does."""
    unfinished = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]))
    for run in unfinished:
        pid = run.tags.get("churn/pid", "")
        if pid.isdigit() and not _alive(int(pid)):
            instance.report_run_failed(run, f"the process {pid} of this run is gone")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
