"""What a run prints, kept in the home's files and shown by the UI; not printed a second time.

Why: Dagster's own keeper also mirrors the files to the terminal, by two `tail` processes and a Python process to watch each, for every
run. A run of this platform is one process that prints nothing by itself, so that four processes a run were there for nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._utils import ensure_file, touch_file


class FileComputeLogManager(LocalComputeLogManager):
    """`LocalComputeLogManager` that captures and does not mirror."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> FileComputeLogManager:
        """Made from `dagster.yaml`: a base_dir that is the instance's own home means the place below it that Dagster would take."""
        base = Path(config_value["base_dir"])
        if (base / "dagster.yaml").is_file():
            base = base / "storage"
        return cls(base_dir=str(base), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Send what is printed meanwhile to the run's two files."""
        out, error = (
            self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
            for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR)
        )
        ensure_file(out)
        ensure_file(error)
        with redirect_to_file(sys.stdout, out), redirect_to_file(sys.stderr, error):
            yield CapturedLogContext(log_key)
        touch_file(self.complete_artifact_path(log_key))  # type: ignore[no-untyped-call]
