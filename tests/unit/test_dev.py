"""`churn dev` ends Dagster's processes when it is told to, however it was started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ENDS_ON_SIGINT = """
import pathlib, sys, time
try:
    pathlib.Path(sys.argv[1]).touch()
    time.sleep(120)
except KeyboardInterrupt:
    sys.exit(7)
"""
STARTER = """
import os, pathlib, sys
from churn_platform.cli.dev import until_told_to_end
sys.exit(until_told_to_end([sys.executable, "-c", sys.argv[1], sys.argv[2]], os.environ, pathlib.Path.cwd()))
"""
AS_IT_WAS = """
import signal, subprocess, sys
process = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: process.send_signal(signal.SIGINT))
try:
    sys.exit(process.wait(3))
except subprocess.TimeoutExpired:
    process.kill()
    sys.exit(99)
"""


def ended(starter: str, begun: Path, told: signal.Signals, in_background: bool) -> int:
    """The exit code after the signal, which is sent as soon as the program runs."""

    def ignoring() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for `churn dev &` in a script

    started = subprocess.Popen(
        [sys.executable, "-c", starter, ENDS_ON_SIGINT, str(begun)],
        preexec_fn=ignoring if in_background else None,
        start_new_session=True,
    )
    try:
        while not begun.exists():
            assert started.poll() is None
            time.sleep(0.01)
        started.send_signal(told)
        return started.wait(60)
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)


@pytest.mark.parametrize("in_background", [False, True], ids=["in front", "in the background"])
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_the_program_ends_on_ctrl_c_and_on_sigterm(tmp_path: Path, told: signal.Signals, in_background: bool) -> None:
    assert ended(STARTER, tmp_path / "begun", told, in_background) == 7


def test_a_program_that_inherits_ignored_signals_would_be_seen_to_go_on(tmp_path: Path) -> None:
    """The control: the handlers set after the start, as they were."""
    assert ended(AS_IT_WAS, tmp_path / "begun", signal.SIGTERM, in_background=True) == 99
