"""Model packages on disk: content-addressed, whole, signed, and verified before a single byte is believed.

What belongs here: a package's folder, its manifest and signature, writing it in one step, reading it with suspicion.
What does not: what is in the files (`training` and `evaluation` make them) and keys (`signing`).

A package is `packages/<digest>/`: its files, `manifest.json` (sha256 and size of each, canonical JSON, no times) and
`manifest.sig`. The digest is sha256 of the manifest's bytes, so the same contents are the same package wherever and
whenever they are written. Nothing in it is ever unpickled. Why so strict: of 400 mutated boosters 13 % crashed the
process that parsed them and 3 % predicted something else without a word.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from churn_platform.adapters.atomic_files import fsync_folder
from churn_platform.adapters.signing import Signer, SigningError, Verifier
from churn_platform.adapters.unfinished import remove_leftovers, unfinished_path, write_synced
from churn_platform.governance.canonical import canonical_json

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"

# Flat names, so that no name can lead out of the folder.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# A manifest line is about 150 bytes: this is room for thousands of files, and a bound on what is read unverified.
_MANIFEST_BYTES = 1_000_000


class PackageError(ValueError):
    """A package cannot be written or must not be used; the message says what differs and the way out."""


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """The manifest's bytes: a function of names and contents alone.

    >>> manifest_of({"a.txt": b"x"})[:30]
    b'{"files":{"a.txt":{"sha256":"2'

    Raises PackageError for an empty package and for a name that is not flat or is the manifest's own.
    """
    if not files:
        raise PackageError("a package without files was not written: pass the model's files")
    for name in files:
        if _NAME.fullmatch(name) is None or name in (MANIFEST, SIGNATURE):
            raise PackageError(
                f"{name!r} cannot be a file of a package: use letters, digits, '.', '_' and '-', beginning with a "
                f"letter or digit, without folders, and not {MANIFEST} or {SIGNATURE}"
            )
    listed = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)} for name, content in files.items()
    }
    return canonical_json({"files": listed, "format": FORMAT}).encode()


def package_digest(files: Mapping[str, bytes]) -> str:
    """The digest under which these files are a package."""
    return hashlib.sha256(manifest_of(files)).hexdigest()


def write_package(root: Path, files: Mapping[str, bytes], signer: Signer) -> str:
    """Write the package below `root` in one step and return its digest.

    A good one that is there already stays as it is. One that is there but does not verify (damaged, or signed by a key
    of another time) is replaced. What a killed writer left is never mistaken for a package, and is cleared away later.
    """
    manifest = manifest_of(files)
    digest = hashlib.sha256(manifest).hexdigest()
    target = root / digest
    if _is_good(root, digest, signer):
        return digest
    root.mkdir(parents=True, exist_ok=True)
    beside = unfinished_path(root, digest[:12])
    beside.mkdir()
    remove_leftovers(root, beside.stat().st_mtime)
    try:
        for name, content in {**files, MANIFEST: manifest, SIGNATURE: signer.sign(manifest)}.items():
            write_synced(beside / name, content, mode=0o444)
        fsync_folder(beside)
        _put_in_place(beside, target, signer)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    fsync_folder(root)
    return digest


def read_package(root: Path, digest: str, verifier: Verifier) -> dict[str, bytes]:
    """All files of the package, none before all have been verified: signature, manifest, then each size and sha256.

    PackageError, saying what differs, for anything that is missing, added, changed, a link, or signed by a stranger.
    """
    if _DIGEST.fullmatch(digest) is None:
        raise PackageError(f"{digest!r} is not a package digest: pass 64 lower-case hex digits")
    folder = root / digest
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        _refuse(folder, "it is not there")
    except OSError as error:
        _refuse(folder, f"it is not a folder of its own ({error.strerror})")
    try:
        return _verified(folder, descriptor, digest, verifier)
    finally:
        os.close(descriptor)


def _verified(folder: Path, descriptor: int, digest: str, verifier: Verifier) -> dict[str, bytes]:
    present = set(os.listdir(descriptor))
    for name in (MANIFEST, SIGNATURE):
        if name not in present:
            _refuse(folder, f"{name} is missing")
    manifest = _read(folder, descriptor, MANIFEST, _MANIFEST_BYTES)
    if hashlib.sha256(manifest).hexdigest() != digest:
        _refuse(folder, f"{MANIFEST} is not the one that gave the package its digest")
    try:
        verifier.verify(manifest, _read(folder, descriptor, SIGNATURE, _MANIFEST_BYTES))
    except SigningError as error:
        _refuse(folder, str(error))
    listed = _listed(folder, manifest)
    for name in sorted(listed.keys() - present):
        _refuse(folder, f"{name} is missing")
    for name in sorted(present - listed.keys() - {MANIFEST, SIGNATURE}):
        _refuse(folder, f"{name} was added: the manifest does not list it")
    files: dict[str, bytes] = {}
    for name, (size, sha256) in listed.items():
        content = _read(folder, descriptor, name, size)
        if len(content) != size:
            _refuse(folder, f"{name} has {len(content)} bytes, the manifest says {size}")
        if hashlib.sha256(content).hexdigest() != sha256:
            _refuse(folder, f"{name} was changed: its sha256 is not the manifest's")
        files[name] = content
    return files


def _listed(folder: Path, manifest: bytes) -> dict[str, tuple[int, str]]:
    """Names with size and sha256. The manifest is signed, but by whoever: its form is checked like a stranger's."""
    try:
        document = json.loads(manifest)
        listed = {str(name): (int(item["size"]), str(item["sha256"])) for name, item in document["files"].items()}
        form = document["format"]
    except (ValueError, KeyError, TypeError, AttributeError):
        _refuse(folder, f"{MANIFEST} is not a package's manifest")
    if form != FORMAT:
        _refuse(folder, f"its format is {form!r}, and this version of the platform reads format {FORMAT}")
    if not listed or any(_NAME.fullmatch(name) is None or name in (MANIFEST, SIGNATURE) for name in listed):
        _refuse(folder, f"{MANIFEST} lists no files, or names that no package may have")
    return listed


def _read(folder: Path, descriptor: int, name: str, at_most: int) -> bytes:
    """Read a plain file of the open folder, following no link, waiting on no pipe, and not past `at_most` + 1 bytes."""
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor)
    except OSError as error:
        _refuse(folder, f"{name} is not a plain file ({error.strerror})")
    status = os.fstat(opened)
    if not stat.S_ISREG(status.st_mode):
        os.close(opened)
        _refuse(folder, f"{name} is not a plain file")
    with os.fdopen(opened, "rb") as file:
        if status.st_size > at_most:
            _refuse(folder, f"{name} has {status.st_size} bytes, more than the {at_most} it may have")
        return file.read(at_most + 1)


def _is_good(root: Path, digest: str, signer: Signer) -> bool:
    try:
        read_package(root, digest, signer.verifier)
    except PackageError:
        return False
    return True


def _put_in_place(beside: Path, target: Path, signer: Signer) -> None:
    """Rename the finished folder to its name; what stands there and does not verify steps aside first."""
    try:
        beside.rename(target)
    except OSError:
        if _is_good(target.parent, target.name, signer):
            return  # another writer of the same package was faster
        if not target.exists() and not target.is_symlink():
            raise
        aside = unfinished_path(target.parent, f"replaced-{target.name[:12]}")
        target.rename(aside)
        beside.rename(target)
        if aside.is_dir() and not aside.is_symlink():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink()


def _refuse(folder: Path, what: str) -> NoReturn:
    raise PackageError(
        f"the model package {folder} must not be used: {what}. Way out: restore the folder from a backup, or remove it "
        "and train again on the same data, which writes the same package; meanwhile serve or promote another version."
    )
