"""Killing a piece of work at a chosen line: kill -9, in a child of its own, with no chance to clean up."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import pytest

Act = Callable[[], object]


class Kills:
    """Runs a piece of work in forked children and kills them.

    A kill between two lines of the code under test is a point that can be aimed at: counting the lines that the work
    executes first, then killing before each of them in turn, leaves no such point out. Kills after a time fall within
    lines too, in the middle of a write or a commit.
    """

    def lines(self, act: Act, *within: str) -> int:
        """How many lines the work executes in files whose path contains one of `within`; it runs to its end."""
        reader, writer = os.pipe()
        pid = _fork(act, within, None, writer)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            told = pipe.read()
        _, status = os.waitpid(pid, 0)
        assert os.WIFEXITED(status), f"the work was to end by itself, not with {status}"
        assert os.WEXITSTATUS(status) == 0, f"the work failed: {told}"
        return int(told)

    def before_line(self, number: int, act: Act, *within: str) -> bool:
        """Kill the work before the `number`-th such line; False if it had ended before it came there."""
        reader, writer = os.pipe()
        pid = _fork(act, within, number, writer)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            told = pipe.read()
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return True
        assert os.WEXITSTATUS(status) == 0, f"the work failed: {told}"
        return False

    def after(self, seconds: float, act: Callable[[Callable[[], None]], object]) -> None:
        """Kill work that does not end by itself, some time after it has called the function it is given."""
        reader, writer = os.pipe()
        started_reader, started_writer = os.pipe()
        pid = _fork(lambda: act(lambda: os.close(started_writer)), (), None, writer)
        os.close(writer)
        os.close(started_writer)
        os.read(started_reader, 1)  # ends when the child closes its end
        os.close(started_reader)
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        with os.fdopen(reader) as pipe:
            told = pipe.read()
        assert os.WIFSIGNALED(status), f"the work ended by itself: {told}"

    def some_of(self, lines: int, at_most: int, seed: int = 0) -> Sequence[int]:
        """All line numbers, or a seeded choice of `at_most` of them where there are more."""
        every = range(1, lines + 1)
        return every if lines <= at_most else sorted(random.Random(seed).sample(every, at_most))


@pytest.fixture
def kills() -> Kills:
    return Kills()


def _fork(act: Act, within: Sequence[str], kill_before: int | None, pipe: int) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        count = 0

        def at_line(_frame: FrameType, event: str, _argument: object) -> Any:
            nonlocal count
            if event == "line":
                count += 1
                if count == kill_before:
                    os.kill(os.getpid(), signal.SIGKILL)
            return at_line

        def at_call(frame: FrameType, _event: str, _argument: object) -> Any:
            return at_line if any(part in frame.f_code.co_filename for part in within) else None

        if within:
            sys.settrace(at_call)
        act()
        sys.settrace(None)
        os.write(pipe, str(count).encode())
        code = 0
    except BaseException:
        sys.settrace(None)
        os.write(pipe, traceback.format_exc().encode())
    finally:
        os._exit(code)
