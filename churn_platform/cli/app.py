"""The command line's app: its options, its exit codes, and how an error becomes one line.

What belongs here: what every verb shares. What does not: the verbs (`commands.py` and one file per theme beside it).

Exit codes: 0 all well; 1 a run or a check failed; 2 the call or the home is wrong; 3 nothing has been done yet that could be shown.
"""

from __future__ import annotations

import gc
import os
import sys
from datetime import date
from typing import Annotated

import typer

FAILED, WRONG_CALL, NOTHING_YET = 1, 2, 3

RARELY = 400_000
"""New objects between two searches for garbage. A start makes as many, all of them to stay; looking through them every 700 (Python's own
setting) was 0.4 s of the 1.6 that `churn score --features` takes to start (measured)."""

app = typer.Typer(
    name="churn",
    help="A telco's churn model, kept healthy: from raw data to daily scores with reasons.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Feed = Annotated[
    str | None, typer.Option("--feed", help="ibm, world or landing; default: what this home holds, else ibm.")
]


class CallError(ValueError):
    """The call names something that is not there; the message says what there is."""


class NotReleasedError(RuntimeError):
    """The first model did not pass its gates; the message carries the gate's reasons."""


def main() -> None:
    """Entry point: turns every expected error into one line on stderr and an exit code."""
    gc.set_threshold(RARELY)
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # looking for plugins among all that is installed is 12 ms (measured)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        app()
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        print(f"churn: {error}", file=sys.stderr)  # noqa: T201 (the command line's own word)
        sys.exit(code)
    finally:
        gc.freeze()  # what is left ends with the process: Python would look through it twice more, for 0.6 s


def _exit_code(error: Exception) -> int | None:
    """The exit code of an error that a person can do something about; None for a bug, which keeps its traceback."""
    from churn_platform.adapters.extract import ExtractNotFoundError
    from churn_platform.adapters.feed_source import FeedError
    from churn_platform.adapters.home import HomeError
    from churn_platform.adapters.landing_zone import LandingError
    from churn_platform.adapters.life_journal import JournalError
    from churn_platform.adapters.warehouse import WarehouseError
    from churn_platform.adapters.world_choice import WorldChoiceError
    from churn_platform.feeds.calendar import CalendarError
    from churn_platform.feeds.ibm import ExtractError
    from churn_platform.policies import PolicyError
    from churn_platform.settings import SettingsError
    from churn_platform.simulation.scenario import ScenarioError

    of_the_call = (
        CallError
        | FeedError
        | HomeError
        | PolicyError
        | SettingsError
        | WorldChoiceError
        | ScenarioError
        | JournalError
    )
    of_the_data = LandingError | CalendarError | ExtractError | ExtractNotFoundError
    if isinstance(error, of_the_call | of_the_data):
        return WRONG_CALL
    if isinstance(error, WarehouseError | NotReleasedError):
        return FAILED
    if "churn_platform.scoring" in sys.modules and _of_scoring(error):
        return FAILED
    launch = sys.modules.get("churn_platform.defs.launch")
    if launch is not None and isinstance(error, launch.RunFailedError):
        return FAILED
    return None


def _of_scoring(error: Exception) -> bool:
    """Whether a day could not be scored for a reason that the message gives."""
    from churn_platform.adapters.packages import PackageError
    from churn_platform.explanation.errors import ExplanationError
    from churn_platform.flows.scoring import NoChampionError
    from churn_platform.flows.variants import ScoresStoppedError
    from churn_platform.scoring import ScoringError
    from churn_platform.training.errors import FeatureValueError, ModelFileError

    of_the_rows = ScoringError | FeatureValueError
    of_the_model = NoChampionError | PackageError | ModelFileError | ExplanationError
    return isinstance(error, of_the_rows | of_the_model | ScoresStoppedError)


def day_of(text: str) -> date:
    """The date that `text` writes; CallError otherwise."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CallError(f"{text!r} is not a date: write it as 2026-06-01") from None
