"""The ledger's head, anchored in a small file outside the database.

What belongs here: reading it, and moving it forwards. What does not: judging it (`governance/ledger`). The file is
written after the commit, so a killed process leaves it behind the table, never ahead; a table that ends before it has
lost entries.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.file_lock import exclusive
from churn_platform.governance.canonical import canonical_json
from churn_platform.governance.ledger import EMPTY_HEAD, FORMAT, LedgerHead


@dataclass(frozen=True, slots=True)
class Anchor:
    """The file at `path`; moves are serialised over processes by a lock file beside it."""

    path: Path

    def read(self) -> LedgerHead | None:
        """The anchored head; None if the file is missing or is not a head, which verification reports as
        `head_missing`.
        """
        try:
            value = json.loads(self.path.read_bytes())
            if (
                value["format"] != FORMAT
                or not isinstance(value["sequence"], int)
                or not isinstance(value["digest"], str)
            ):
                return None
            return LedgerHead(value["sequence"], value["digest"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def create(self) -> None:
        """Anchor an empty ledger, for a database that does not exist yet; an anchor that is there stays as it is."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(self._lock):
            if not self.path.exists():
                self._write(EMPTY_HEAD)

    def advance(self, head: LedgerHead) -> None:
        """Move the head to `head` unless another process has moved it further already."""
        with exclusive(self._lock):
            present = self.read()
            if present is not None and present.sequence < head.sequence:
                self._write(head)

    def accept(self, head: LedgerHead) -> None:
        """Set the head whatever it was: the act of a person who has looked, never of a program by itself."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(self._lock):
            self._write(head)

    @property
    def _lock(self) -> Path:
        return self.path.with_name(self.path.name + ".lock")

    def _write(self, head: LedgerHead) -> None:
        document = {"format": FORMAT, "sequence": head.sequence, "digest": head.digest}
        write_atomically(self.path, canonical_json(document).encode())
