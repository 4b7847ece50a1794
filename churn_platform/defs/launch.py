"""Running the platform's jobs in this process, with progress: what the command line drives.

What belongs here: one call per job, its events turned into progress, its steps' seconds. What does not: words for people (`cli.py`).
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import dagster as dg

from churn_platform.adapters.platform import Platform
from churn_platform.defs.instance import open_instance

OnStep = Callable[[str, str], None]
"""Called with a step's name and `started`, `done` or `failed`."""

STAGES = {
    "landed_files": "ingest",
    "raw_tables": "ingest",
    "staging_views": "features",
    "feature_tables": "features",
    "training_set": "train",
    "candidate_model": "train",
    "holdout_evaluation": "evaluate",
    "explanations": "explain",
    "model_package": "release",
    "evaluation_report": "evaluate",
    "registered_model": "release",
    "champion_comparison": "release",
    "champion": "release",
    "daily_scores": "score",
    "served_features": "score",
    "prediction_log": "score",
    "crm_write_back": "score",
    "rollout_evidence": "monitor",
    "rollout_state": "monitor",
    "schema_report": "monitor",
    "drift_report": "monitor",
    "performance_report": "monitor",
    "slo_report": "monitor",
}


#: Dagster's event lines stay off the terminal, where progress is shown instead; the event log keeps every one.
QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


class RunFailedError(RuntimeError):
    """A job did not end well; `step` names where and the message says why, in the words of the first failure."""

    def __init__(self, job: str, step: str, reason: str, run_id: str) -> None:
        super().__init__(f"{job}: {step} failed: {reason}")
        self.job, self.step, self.reason, self.run_id = job, step, reason, run_id


@dataclass(frozen=True)
class JobRun:
    """A finished run: seconds by step, seconds of the whole, checks that failed without stopping it."""

    run_id: str
    seconds: float
    steps: Mapping[str, float]
    failed_checks: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def orchestration(self) -> float:
        """Seconds that were not spent in a step."""
        return max(0.0, self.seconds - sum(self.steps.values()))


@dataclass
class Launcher:
    """Runs jobs of one platform in this process, on the home's own Dagster instance."""

    platform: Platform
    on_step: OnStep | None = None
    runs: list[tuple[str, JobRun]] = field(default_factory=list)

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        """The home's instance, opened once: opening it for each run of a long life leaves its databases open."""
        return open_instance(self.platform.settings)

    def steps_of(self, job: str) -> int:
        """How many steps a job has: the length of its progress bar."""
        return len(_job(job).all_node_defs)

    def run(
        self, job: str, days: tuple[date, date] | None = None, config: Mapping[str, Mapping[str, str]] | None = None
    ) -> JobRun:
        """Run `job` over the observation dates first..last in one run.

        Args:
            job: name of a job in `defs/jobs.py`.
            days: inclusive range; None for a job without partitions.
            config: op name -> its config.

        Raises:
            RunFailedError: a step or a blocking check failed. HomeError: the home holds another telco.
            KeyboardInterrupt: Ctrl-C, or SIGTERM.
        """
        _ = self.platform.home  # claim the home, or refuse, before anything runs
        tags = {"churn/pid": str(os.getpid()), "churn/launched_by": "churn"}
        partition: str | None = None
        if days is not None and days[0] == days[1]:
            partition = days[0].isoformat()
        elif days is not None:
            tags |= {
                "dagster/asset_partition_range_start": days[0].isoformat(),
                "dagster/asset_partition_range_end": days[1].isoformat(),
            }
        run_config: dict[str, Any] = {"loggers": QUIET}
        if config:
            run_config["ops"] = {name: {"config": dict(values)} for name, values in config.items()}
        instance, run_id = self.instance, str(uuid.uuid4())
        if self.on_step is not None:
            instance.add_event_listener(run_id, self._forward)
        began = time.perf_counter()
        result = _job(job).execute_in_process(
            instance=instance,
            run_id=run_id,
            partition_key=partition,
            tags=tags,
            run_config=run_config,
            raise_on_error=False,
        )
        seconds = time.perf_counter() - began
        if not result.success:
            if _interrupted(
                result
            ):  # which Dagster tells as a failed run: whoever called must hear that a person said stop
                raise KeyboardInterrupt
            raise _failure(job, result, run_id)
        done = JobRun(run_id, seconds, _step_seconds(result), _failed_checks(result), _skipped(result))
        self.runs.append((job, done))
        return done

    def _forward(self, entry: Any, cursor: Any = None) -> None:
        event = getattr(entry, "dagster_event", None)
        words = {"STEP_START": "started", "STEP_SUCCESS": "done", "STEP_FAILURE": "failed", "STEP_SKIPPED": "skipped"}
        if event is not None and self.on_step is not None and event.event_type_value in words:
            self.on_step(str(event.step_key), words[event.event_type_value])

    def seconds_by_stage(self) -> dict[str, float]:
        """Seconds of all runs so far by stage, with what Dagster itself took as `orchestration`."""
        stages = dict.fromkeys(dict.fromkeys(STAGES.values()), 0.0)
        for _, run in self.runs:
            for step, seconds in run.steps.items():
                stages[STAGES[step]] += seconds
        stages["orchestration"] = sum(run.orchestration for _, run in self.runs)
        return {stage: round(seconds, 3) for stage, seconds in stages.items()}


def _job(name: str) -> dg.JobDefinition:
    from churn_platform.definitions import defs

    return defs.resolve_job_def(name)


def _events(result: dg.ExecuteInProcessResult, kind: str) -> Iterator[Any]:
    return (event for event in result.all_events if event.event_type_value == kind)


def _step_seconds(result: dg.ExecuteInProcessResult) -> dict[str, float]:
    return {str(e.step_key): e.event_specific_data.duration_ms / 1000.0 for e in _events(result, "STEP_SUCCESS")}


def _failed_checks(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    evaluations = (event.event_specific_data for event in _events(result, "ASSET_CHECK_EVALUATION"))
    return tuple(
        f"{check.asset_key.to_user_string()}: {check.check_name}: {check.description or 'failed'}"
        for check in evaluations
        if not check.passed
    )


def _interrupted(result: dg.ExecuteInProcessResult) -> bool:
    sources = (event.event_specific_data.error_source for event in _events(result, "STEP_FAILURE"))
    stopped = any(source is not None and source.name == "INTERRUPT" for source in sources)
    return stopped or any("interrupted" in str(event.message) for event in _events(result, "PIPELINE_FAILURE"))


def _skipped(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    return tuple(str(event.step_key) for event in _events(result, "STEP_SKIPPED"))


def _failure(job: str, result: dg.ExecuteInProcessResult, run_id: str) -> RunFailedError:
    checks = _failed_checks(result)
    for event in _events(result, "STEP_FAILURE"):
        error = event.event_specific_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        reason = (error.message if error is not None else "no reason given").strip()
        return RunFailedError(
            job, str(event.step_key), "; ".join(checks) if "blocking" in reason.lower() and checks else reason, run_id
        )
    return RunFailedError(job, "the run", "; ".join(checks) or "no step says why", run_id)
