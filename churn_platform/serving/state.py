"""What answers are made of at one moment: the routing, the models it names, the customers' features; and keeping it fresh.

What belongs here: following the routing file and the published features, verifying and loading models before they are used, keeping the
last good state hot. What does not: answering (`answers.py`).

A request takes the present `State` once and uses nothing else, so no answer mixes two versions. A state is replaced by one assignment.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from churn_platform.adapters.packages import PackageError, read_package
from churn_platform.adapters.signing import Verifier
from churn_platform.adapters.snapshots import SnapshotError
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.routing import Routing, RoutingError, ServedModel
from churn_platform.serving.features import ServedFeatures
from churn_platform.serving.model import OnlineModel

_log = logging.getLogger(__name__)
Prove = Callable[[str], str | None]
"""Told a package digest; says why its model must not be loaded into this process, None where it may."""


@dataclass(frozen=True)
class State:
    """One moment. `problems` says what could not be followed: the answers are then from the last good state, and say so."""

    routing: Routing
    models: Mapping[str, OnlineModel]
    features: Mapping[str, ServedFeatures]
    problems: tuple[str, ...] = ()

    def model(self, served: ServedModel | None) -> OnlineModel | None:
        """The loaded model of that package."""
        return None if served is None else self.models.get(served.digest)

    @property
    def ready(self) -> bool:
        """Whether a request can be answered: the champion is loaded, or the kill switch has an answer of its own."""
        return self.model(self.routing.champion) is not None or self.routing.kill is not None


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
    """

    routing_file: Path
    packages: Path
    published: Path
    verifier: Verifier
    prove: Prove
    reasons: int
    keep: timedelta
    every: float = 0.2
    state: State = field(init=False)
    _seen: tuple[int, int] | None = field(init=False, default=None)
    _ending: threading.Event = field(init=False, default_factory=threading.Event)
    _refused: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.state = State(Routing(0, None), {}, {}, ("nothing has been loaded yet",))

    def start(self) -> None:
        """Load what there is now, then follow in a thread."""
        self.look()
        self.look_at_features()
        threading.Thread(target=self._run, name="routing follower", daemon=True).start()

    def stop(self) -> None:
        """End the thread."""
        self._ending.set()

    def _run(self) -> None:
        looks = 0
        while not self._ending.wait(self.every):
            looks += 1
            try:
                self.look()
                if looks % 10 == 0:  # features come once a day: every tenth look is often enough
                    self.look_at_features()
            except Exception:  # the thread must live: the last good state is answered from
                _log.exception("the routing could not be followed")

    def look(self) -> None:
        """Follow the routing file if it changed: load the models it names, then switch; what fails leaves the last good state."""
        try:
            status = self.routing_file.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            if seen == self._seen:
                return
            routing = Routing.from_dict(json.loads(self.routing_file.read_bytes()))
        except (OSError, ValueError) as error:
            self._problem(f"the routing {self.routing_file} cannot be read: {error}")
            self._seen = None  # the same file put back is followed again, and the problem is over
            return
        if routing.kill is not None and routing.kill != self.state.routing.kill:
            # at once, before anything is loaded
            self.state = replace(self.state, routing=replace(self.state.routing, kill=routing.kill))
        models, problems = dict(self.state.models), []
        for served in routing.models:
            if served.digest not in models:
                loaded = self._load(served)
                if isinstance(loaded, str):
                    problems.append(loaded)
                else:
                    models[served.digest] = loaded
        if routing.champion is not None and routing.champion.digest not in models:
            kept = replace(self.state.routing, kill=routing.kill)
            self.state = replace(self.state, routing=kept, problems=tuple(problems))
            self._seen = seen
            return
        if routing.split is not None and routing.challenger is not None and routing.challenger.digest not in models:
            routing = replace(routing, challenger=None, split=None)  # nobody meets a model that is not there
        wanted = {served.digest for served in routing.models}
        last = {served.digest for served in self.state.routing.models}
        sets = {model.feature_set.name for model in models.values()}
        self.state = State(
            routing,
            {digest: model for digest, model in models.items() if digest in wanted | last},
            {name: self._features(name) for name in sets},
            tuple(problems),
        )
        self._seen = seen

    def look_at_features(self) -> None:
        """Take in newly published days; a damaged one is a problem, and the customers' older rows stay."""
        problems = [problem for problem in self.state.problems if not problem.startswith("features")]
        for features in self.state.features.values():
            try:
                features.refresh()
            except (SnapshotError, OSError) as error:
                problems.append(f"features: {error}")
        if tuple(problems) != self.state.problems:
            self.state = replace(self.state, problems=tuple(problems))

    def _features(self, name: str) -> ServedFeatures:
        known = self.state.features.get(name)
        if known is not None:
            return known
        made = ServedFeatures(self.published, FEATURE_SETS[name], self.keep)
        try:
            made.refresh()
        except (SnapshotError, OSError) as error:
            _log.error("published features cannot be read: %s", error)
        return made

    def _load(self, served: ServedModel) -> OnlineModel | str:
        """The verified and proven model, or why not; a refused package is not tried again."""
        known = self._refused.get(served.digest)
        if known is not None:
            return known
        try:
            files = read_package(self.packages, served.digest, self.verifier)
            reason = self.prove(served.digest)
            if reason is None:
                return OnlineModel.from_files(served.version, served.digest, files, self.reasons)
        except (PackageError, ValueError) as error:
            reason = str(error)
        told = f"{served.version} is not loaded: {reason}"
        self._refused[served.digest] = told
        _log.error("%s", told)
        return told

    def _problem(self, what: str) -> None:
        if what not in self.state.problems:
            self.state = replace(self.state, problems=(*self.state.problems, what))


__all__ = ["Follower", "Prove", "RoutingError", "State"]
