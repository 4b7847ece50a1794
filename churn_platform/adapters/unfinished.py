"""What a writer leaves behind when it is killed: unfinished files and folders, under names that no reader looks at.

What belongs here: such a name, writing below it, and clearing away what the dead left. What does not: putting finished
things in their place (`atomic_files` for a file; a package's folder is renamed by `packages`).
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

_PREFIX = ".writing-"
# A write takes seconds; what is an hour older than a file written now belongs to a process that died.
_LEFTOVER_SECONDS = 3600.0


def unfinished_path(folder: Path, name: str) -> Path:
    """A new name in `folder` that no reader looks at, and no other writer uses."""
    return folder / f"{_PREFIX}{name}-{os.getpid()}-{secrets.token_hex(6)}"


def is_unfinished(path: Path) -> bool:
    """Whether `path` has such a name."""
    return path.name.startswith(_PREFIX)


def write_synced(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Create `path`, which must not exist, with `content` on disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def remove_leftovers(folder: Path, now: float) -> None:
    """Remove what dead writers left in `folder`: unfinished, and modified an hour or more before `now` (an mtime)."""
    for entry in folder.iterdir():
        if not is_unfinished(entry):
            continue
        try:
            if entry.lstat().st_mtime > now - _LEFTOVER_SECONDS:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        except FileNotFoundError:
            continue  # another writer removed it first
