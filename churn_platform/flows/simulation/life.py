"""Living a simulated telco's days: history, first training, then each morning the day's job and what follows from it.

What belongs here: the order of a day, and remembering what is done. What does not: running a job (the command line hands the runner in,
since flows do not know the orchestrator), any decision (the flows called here take them), telling it afterwards (`account`).

A life can be killed at any point: what is done stands in the journal, and the same call goes on behind it. A run that fails is an event
of the life: it is recorded with its reason, the day goes on with what is left of it, and so does the next day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from churn_platform.adapters import clock
from churn_platform.adapters.life_journal import LifeJournal, Step
from churn_platform.adapters.platform import Platform

HISTORY, FIRST_TRAINING, JOB, ROLLOUT, TICKETS, DECISION, TRAINING, LIVED = (
    "history",
    "first_training",
    "job",
    "rollout",
    "tickets",
    "decision",
    "training",
    "lived",
)
DAYS_BETWEEN_FIRST_TRAININGS = 7
"""Without a champion a first model is tried again each week, with a week's more outcomes."""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How a job ended: seconds of the whole and by stage; where it failed and why, both None if it did not."""

    seconds: float
    stages: Mapping[str, float] = field(default_factory=dict)
    failed_step: str | None = None
    reason: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """JSON-able form, for the journal."""
        stages = {name: round(seconds, 4) for name, seconds in self.stages.items()}
        failure = {} if self.reason is None else {"failed_step": self.failed_step, "reason": self.reason}
        return {"stages": stages, **failure}


class JobRunner(Protocol):
    """Runs one of the platform's jobs to its end, however it ends."""

    def __call__(
        self, job: str, days: tuple[date, date] | None = None, config: Mapping[str, Mapping[str, str]] | None = None
    ) -> JobOutcome:
        """Run `job` over the days first..last."""
        ...


Tell = Callable[[date, str], None]
"""Called with the day and what is being done, before it is done; with `lived` when the day is over."""


def live(platform: Platform, run: JobRunner, days: int, tell: Tell) -> None:
    """Live the history, the first training and the first `days` live days; what is done already is not done again."""
    journal = LifeJournal(platform.settings)
    with journal.living():
        life = _Life(platform, run, journal, tell)
        life.before_the_first_day()
        for day in platform.calendar.live_days[:days]:
            life.day(day)


class _Life:
    def __init__(self, platform: Platform, run: JobRunner, journal: LifeJournal, tell: Tell) -> None:
        self._platform, self._run, self._journal, self._tell = platform, run, journal, tell
        self._done = {(step.day, step.name) for step in journal.steps()}

    def before_the_first_day(self) -> None:
        """The history in one range run, and the training of the first champion, on the eve of going live."""
        calendar = self._platform.calendar
        eve = calendar.training_as_of
        with clock.simulated_time(self._morning(eve)):
            self._job(eve, HISTORY, "history", (calendar.first_day, calendar.history_end))
            self._job(eve, FIRST_TRAINING, "training")

    def day(self, day: date) -> None:
        """One live day, at the hour of the daily batch."""
        if (day, LIVED) in self._done:
            return
        began, worked = time.perf_counter(), time.process_time()
        with clock.simulated_time(self._morning(day)), self._platform.warehouse.held():
            has_champion = self._champion() is not None
            # without a champion nothing can be scored; the day's data are taken in all the same
            self._job(day, JOB, "day" if has_champion else "history", (day, day))
            if has_champion:
                self._roll_out(day)
            self._alert(day)
            if has_champion:
                self._retrain(day)
            elif (day - self._platform.calendar.live_from).days % DAYS_BETWEEN_FIRST_TRAININGS == 6:
                self._job(day, TRAINING, "training", config={"training_set": {"as_of": day.isoformat()}})
        processor = round(time.process_time() - worked, 4)
        self._record(Step(day, LIVED, time.perf_counter() - began, {"processor_seconds": processor}))
        self._tell(day, LIVED)

    def _roll_out(self, day: date) -> None:
        """Decide on the rollout under way from what the day's batch has shown; what a daemon does each minute."""
        from churn_platform.flows.rollout import tick

        with self._step(day, ROLLOUT) as doing:
            if doing:
                tick(self._platform)

    def _alert(self, day: date) -> None:
        """Tickets for what was found; their messages are recorded, and none is sent out of a simulated life."""
        from churn_platform.flows.alerting import deliver, raise_tickets, review_week

        with self._step(day, TICKETS) as doing:
            if doing:
                raise_tickets(self._platform)
                review_week(self._platform)
                deliver(self._platform)

    def _retrain(self, day: date) -> None:
        """Decide whether to train, and carry out what is decided; a training that a kill cut short is begun again."""
        from churn_platform.flows.retraining import decide_retraining, pending_retraining, retraining_finished

        with self._step(day, DECISION) as doing:
            if doing:
                decide_retraining(self._platform, day)
        pending = pending_retraining(self._platform)
        if pending is None:
            return
        outcome = self._job(day, TRAINING, "training", config={"training_set": pending.config})
        if outcome is not None and outcome.reason is not None and pending_retraining(self._platform) is not None:
            retraining_finished(self._platform, pending.sequence, "failed", (outcome.reason,), None)

    def _job(
        self,
        day: date,
        step: str,
        job: str,
        days: tuple[date, date] | None = None,
        config: Mapping[str, Mapping[str, str]] | None = None,
    ) -> JobOutcome | None:
        """Run a job as a step of the day; None if that is done already."""
        if (day, step) in self._done:
            return None
        self._tell(day, step)
        outcome = self._run(job, days, config)
        self._record(Step(day, step, outcome.seconds, {"job": job, **outcome.facts}))
        return outcome

    @contextmanager
    def _step(self, day: date, step: str) -> Iterator[bool]:
        """Time a step and record it at its end; yields whether it is still to be done."""
        if (day, step) in self._done:
            yield False
            return
        self._tell(day, step)
        began = time.perf_counter()
        yield True
        self._record(Step(day, step, time.perf_counter() - began))

    def _record(self, step: Step) -> None:
        self._journal.record(step)
        self._done.add((step.day, step.name))

    def _champion(self) -> object | None:
        return self._platform.ops.champion(self._platform.policies.governance.model)

    def _morning(self, day: date) -> datetime:
        return datetime.combine(day, self._platform.policies.batch.at, UTC)


def days_lived(platform: Platform) -> list[date]:
    """The live days that are over, in order."""
    return sorted(step.day for step in LifeJournal(platform.settings).steps() if step.name == LIVED)


def next_morning(platform: Platform) -> datetime:
    """The hour at which the next day of this life begins: the time to give to whoever looks at the home as of now."""
    lived = days_lived(platform)
    day = lived[-1] + timedelta(1) if lived else platform.calendar.live_from
    return datetime.combine(day, platform.policies.batch.at, UTC)
