"""A simulated telco that lands its days: lived on from where it stands, from a saved state, or from the start.

What belongs here: files of a world (landed tables, truth, receipts, its state at rest) and which of them are there already. What does not:
what happens in the world (`simulation/`), which world it is (`world_choice.py`), and the platform's calendar (`feed_source.py`).

The living world is kept between calls of one process, by folder: one more day then costs a day. Another process takes up the saved state,
at most ten days old. A day is done when its receipt is written, which is last: whatever was interrupted is lived and written again, to
the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.file_lock import exclusive
from churn_platform.adapters.truth_files import write_customer_truth, write_day_truth
from churn_platform.contracts.tables import RAW_TABLES

if TYPE_CHECKING:
    from churn_platform.simulation.scenario import Scenario
    from churn_platform.simulation.truth import DayTruth
    from churn_platform.simulation.world import DayLanding, World

#: saving a state costs as much as living three quarters of a day (7,000 customers: 16 ms against 22 ms), so one in ten days is cheap
DAYS_BETWEEN_STATES = 10

#: the world that was lived last in this process, by its folder
_living: dict[Path, tuple[str, World]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class WorldLanding:
    """One world and its folders.

    Args:
        scenario: what changes, its days counted from `start_date`.
        customers, seed: size of the base and seed.
        start_date: the world's first day.
        folder: where its state, receipts and truth lie (`world/`, `truth/`).
        landing: where its tables land.
    """

    scenario: Scenario
    customers: int
    seed: int
    start_date: date
    folder: Path
    landing: Path

    @property
    def identity(self) -> str:
        """Hex sha256 of all that decides the landed bytes: whoever has the same gets the same."""
        from churn_platform.simulation.world import figures_digest

        content = f"{self.customers} {self.seed} {self.start_date} {self.scenario.model_dump_json()} {figures_digest()}"
        return hashlib.sha256(content.encode()).hexdigest()

    def land(self, days: Iterable[date], on_day: Callable[[date], None] | None = None) -> int:
        """Make sure that the files of `days` and their truth are there.

        Args:
            days: any days from the world's first on; earlier ones have nothing.
            on_day: called with each day lived on the way.

        Returns:
            how many landed files were written; 0 where all were there, unchanged.
        """
        wanted = {day for day in days if day >= self.start_date and not self.has_landed(day)}
        if not wanted:
            return 0
        self.folder.mkdir(parents=True, exist_ok=True)
        written = 0
        with _lock, exclusive(self.folder / ".world.lock"):
            world = self._on_the_eve_of(min(wanted))
            done: list[_LandedDay] = []
            while world.next_date <= max(wanted):
                lived = world.day(world.next_date)
                if lived.day in wanted:
                    done.append(self._write(lived))
                    written += done[-1].written
                if (world.next_date - self.start_date).days % DAYS_BETWEEN_STATES == 0:
                    self._receive(done)
                    done = []
                    self._save(world)
                if on_day is not None:
                    on_day(lived.day)
            self._receive(done)
            _living[self.folder] = (self.identity, world)
        return written

    def has_landed(self, day: date) -> bool:
        """Whether the day's files are there as this world wrote them."""
        path = self._receipt(day)
        if not path.is_file():
            return False
        receipt = json.loads(path.read_text(encoding="utf-8"))
        if receipt["world"] != self.identity:
            return False
        files = {table: self.landing / table / f"{day}.parquet" for table in receipt["files"]}
        return all(file.is_file() and _digest(file) == receipt["files"][table] for table, file in files.items())

    def other_world(self) -> Path | None:
        """A receipt of another world in this folder, if there is one: two worlds must not mix."""
        receipts = sorted((self.folder / "world" / "landed").glob("*.json"))
        others = (path for path in receipts if json.loads(path.read_text(encoding="utf-8"))["world"] != self.identity)
        return next(others, None)

    def _receipt(self, day: date) -> Path:
        return self.folder / "world" / "landed" / f"{day}.json"

    def _write(self, lived: DayLanding) -> _LandedDay:
        """Write the day's tables that have rows, and the truth about its customers."""
        written, digests = 0, {}
        for table in RAW_TABLES:
            frame = lived.tables[table]
            if not len(frame):
                continue
            buffer = io.BytesIO()
            frame.to_parquet(buffer, index=False)
            content = buffer.getvalue()
            digests[table] = hashlib.sha256(content).hexdigest()
            path = self.landing / table / f"{lived.day}.parquet"
            if not path.is_file() or _digest(path) != digests[table]:
                write_atomically(path, content, durable=False)
                written += 1
        write_customer_truth(self.folder / "truth", lived)
        return _LandedDay(lived.summary, digests, written)

    def _receive(self, days: list[_LandedDay]) -> None:
        """The days' truth, and last their receipts: from now on they are there."""
        write_day_truth(self.folder / "truth", [day.truth for day in days])
        for day in days:
            receipt = {"world": self.identity, "files": day.digests}
            write_atomically(self._receipt(day.truth.day), json.dumps(receipt).encode(), durable=False)

    def _on_the_eve_of(self, day: date) -> World:
        """This world on the eve of `day` or earlier: the living one, the saved one, or a new one."""
        from churn_platform.simulation.world import World

        identity, living = _living.pop(self.folder, ("", None))  # whoever fails on the way must not leave half a day
        _living.clear()  # one world at a time: a large one takes a gigabyte
        if living is not None and identity == self.identity and living.next_date <= day:
            return living
        saved = self._saved()
        if saved is not None and saved.next_date <= day:
            return saved
        return World(customers=self.customers, seed=self.seed, start_date=self.start_date, scenario=self.scenario)

    @property
    def _state(self) -> Path:
        return self.folder / "world" / "state.npz"

    def _save(self, world: World) -> None:
        """Keep the world at rest: to the disk at once, since a large one is not wanted in memory twice."""
        import numpy as np

        state = world.state()
        meta = np.frombuffer(json.dumps({"world": self.identity} | state.meta).encode(), dtype=np.uint8)
        temporary = self._state.with_suffix(".tmp.npz")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        np.savez(temporary, allow_pickle=False, meta=meta, **state.arrays)
        os.replace(temporary, self._state)

    def _saved(self) -> World | None:
        """The world that was kept, if it is this one and can be read; it can always be lived again."""
        import numpy as np

        from churn_platform.simulation.world import World, WorldError, WorldState

        try:
            with np.load(self._state, allow_pickle=False) as kept:
                meta = json.loads(kept["meta"].tobytes())
                if meta.pop("world") != self.identity:
                    return None
                return World.restore(WorldState(meta, {name: kept[name] for name in kept.files if name != "meta"}))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, WorldError):
            return None


@dataclass(frozen=True, slots=True)
class _LandedDay:
    """A day whose files are written and whose receipt is not."""

    truth: DayTruth
    digests: dict[str, str]
    written: int


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
