"""Keeping the state in step with the files that the platform publishes: the routing, model packages, features.

What belongs here: looking, verifying and loading models before they are used, keeping the last good state hot, trying again. What
does not: what a state is (`state.py`), answering (`answers.py`).

Two threads: one looks at the routing five times a second and switches among what is loaded, so that a switch never waits for a load;
the other loads models and features, which takes seconds.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from churn_platform.adapters.packages import PackageError, read_package
from churn_platform.adapters.signing import Verifier
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.routing import Routing, ServedModel
from churn_platform.serving.features import ServedFeatures
from churn_platform.serving.model import OnlineModel
from churn_platform.serving.state import State

_log = logging.getLogger(__name__)
Prove = Callable[[str], str | None]
"""Told a package digest; says why its model must not be loaded into this process, None where it may."""
WARM = 2
"""Models kept loaded that the routing does not name any more: the way back from a promotion is a switch, not a load."""
RETRY_FIRST, RETRY_LAST = 5.0, 300.0
"""Seconds until a refused package is tried again, doubled each time: a proof costs three seconds of a core (measured), and what was
refused for a busy machine or a missing file is served some minutes later at most."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A package that is not loaded: why, how often it was tried, and when it is tried again (seconds of the follower's clock)."""

    reason: str
    tries: int
    again_at: float


@dataclass
class Follower:
    """Keeps `state` in step with the files that the platform publishes.

    Args:
        routing_file: the routing.
        packages: folder of model packages.
        published: folder of published snapshots.
        verifier: checks the packages' signatures.
        prove: loads a package in a process of its own first; a package that kills or fails it is never loaded here.
        reasons: how many reasons an answer tells.
        keep: how old a customer's features may be.
        every: seconds between two looks at the routing: the time to effect of a switch.
        clock: seconds that only grow.
    """

    routing_file: Path
    packages: Path
    published: Path
    verifier: Verifier
    prove: Prove
    reasons: int
    keep: timedelta
    every: float = 0.2
    clock: Callable[[], float] = time.monotonic
    state: State = field(init=False)
    _wanted: Routing | None = field(init=False, default=None)
    _seen: tuple[int, int] | None = field(init=False, default=None)
    _models: dict[str, OnlineModel] = field(init=False, default_factory=dict)  # least recently wanted first
    _features: dict[str, ServedFeatures] = field(init=False, default_factory=dict)
    _refused: dict[str, Refusal] = field(init=False, default_factory=dict)
    _routing_problem: str | None = field(init=False, default=None)
    _feature_problems: tuple[str, ...] = field(init=False, default=())
    _changing: threading.Lock = field(init=False, default_factory=threading.Lock)
    _ending: threading.Event = field(init=False, default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.state = State(Routing(0, None), {}, {}, ("nothing has been loaded yet",))

    def start(self) -> None:
        """Load what there is now, then follow in two threads."""
        self.look()
        self.load()
        self.look_at_features()
        for name, step, every in (("routing", self.look, self.every), ("loading", self._slow_step, 5 * self.every)):
            threading.Thread(target=self._run, args=(step, every), name=f"follower: {name}", daemon=True).start()

    def stop(self) -> None:
        """End the threads."""
        self._ending.set()

    def _run(self, step: Callable[[], None], every: float) -> None:
        while not self._ending.wait(every):
            try:
                step()
            except Exception:  # the thread must live: the last good state is answered from
                _log.exception("what is published could not be followed")

    def _slow_step(self) -> None:
        self.load()
        self.look_at_features()

    def look(self) -> None:
        """Follow the routing file if it changed, among the models that are loaded; what fails leaves the last good state."""
        try:
            status = self.routing_file.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            if seen == self._seen:
                return
            routing = Routing.from_dict(json.loads(self.routing_file.read_bytes()))
        except (OSError, ValueError) as error:
            self._seen = None  # the same file put back is followed again, and the problem is over
            self._routing_problem = f"the routing {self.routing_file} cannot be read: {error}"
            self._publish()
            return
        self._seen, self._wanted, self._routing_problem = seen, routing, None
        self._publish()

    def load(self) -> None:
        """Load the models that the routing names and that are not loaded, each verified and proven first."""
        for served in () if self._wanted is None else self._wanted.models:
            known = self._refused.get(served.digest)
            if served.digest in self._models or (known is not None and self.clock() < known.again_at):
                continue
            loaded = self._load(served)
            if isinstance(loaded, OnlineModel):
                self._prepare(loaded)
                with self._changing:
                    self._refused.pop(served.digest, None)
                    self._models[served.digest] = loaded
            else:
                tries = 1 if known is None else known.tries + 1
                again = self.clock() + min(RETRY_LAST, RETRY_FIRST * 2 ** min(tries - 1, 10))
                with self._changing:
                    self._refused[served.digest] = Refusal(loaded, tries, again)
                _log.error("%s", loaded)
            self._publish()

    def look_at_features(self) -> None:
        """Take in newly published days, make them ready for every loaded model, and drop days that are too old."""
        problems: list[str] = []
        models = list(self._models.values())
        for name, features in self._features.items():
            problems += features.refresh()
            problems += features.ready_for([model for model in models if model.feature_set.name == name])
        if tuple(problems) != self._feature_problems:
            self._feature_problems = tuple(problems)
            self._publish()

    def _prepare(self, model: OnlineModel) -> None:
        """What the model's first answers would otherwise wait for: the customers' rows as it sees them."""
        name = model.feature_set.name
        features = self._features.get(name)
        if features is None:
            features = ServedFeatures(self.published, FEATURE_SETS[name], self.keep)
            self._feature_problems = (*self._feature_problems, *features.refresh())
            self._features = {**self._features, name: features}
        features.ready_for([*(one for one in self._models.values() if one.feature_set.name == name), model])

    def _load(self, served: ServedModel) -> OnlineModel | str:
        """The verified and proven model, or why not."""
        try:
            files = read_package(self.packages, served.digest, self.verifier)
            reason = self.prove(served.digest)
            if reason is None:
                return OnlineModel.from_files(served.version, served.digest, files, self.reasons)
        except (PackageError, ValueError, OSError) as error:
            reason = str(error)
        except (
            Exception
        ) as error:  # whatever a damaged file makes a library raise: the package is refused, the thread goes on
            reason = repr(error)
        return f"{served.version} is not loaded: {reason}"

    def _publish(self) -> None:
        """Make the state of what is wanted and what is loaded."""
        with self._changing:
            self._forget_unwanted()
            self.state = self._made()

    def _made(self) -> State:
        routing, last = self._wanted, self.state.routing
        problems = [] if self._routing_problem is None else [self._routing_problem]
        if routing is None:
            return replace(self.state, problems=tuple(problems) or self.state.problems)
        for served in routing.models:
            if served.digest in self._refused:
                problems.append(self._refused[served.digest].reason)
        if routing.champion is not None and routing.champion.digest not in self._models:
            if routing.champion.digest not in self._refused:
                problems.append(f"{routing.champion.version} is being loaded")
            # the last good one goes on, but the kill switch is obeyed at once
            routing = replace(last, kill=routing.kill)
        elif routing.challenger is not None and routing.challenger.digest not in self._models:
            routing = replace(routing, challenger=None, split=None)  # nobody meets a model that is not there
        return State(routing, dict(self._models), self._features, (*problems, *self._feature_problems))

    def _forget_unwanted(self) -> None:
        """Keep the models that are wanted or answer now, and the last `WARM` others."""
        if self._wanted is None:
            return
        needed = {served.digest for served in (*self._wanted.models, *self.state.routing.models)}
        for digest in [one for one in self._models if one in needed]:
            self._models[digest] = self._models.pop(digest)  # to the end: wanted last
        others = [digest for digest in self._models if digest not in needed]
        for digest in others[: max(0, len(others) - WARM)]:
            del self._models[digest]
        for digest in self._refused.keys() - needed:
            del self._refused[digest]


__all__ = ["Follower", "Prove", "Refusal"]
