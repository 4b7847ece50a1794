"""Model packages that somebody or something damaged: none is ever accepted. And kill -9 while one is written."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from churn_platform.adapters.packages import PackageError, read_package, write_package
from churn_platform.adapters.signing import Signer, load_signer
from churn_platform.governance.canonical import canonical_json

FILES = {
    "booster.json": random.Random(1).randbytes(3_000),
    "booster-copy.json": random.Random(1).randbytes(3_000),
    "features.json": b'["tenure_months","contract"]',
    "decision.json": b'{"threshold":0.31}',
    "empty.txt": b"",
}
CODE = ("adapters/packages", "adapters/unfinished", "adapters/atomic_files", "adapters/signing")

Mutation = Callable[[Path, random.Random], str]
"""Damages the package in a folder; returns the digest under which the reader is to ask for it."""


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return load_signer(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return load_signer(tmp_path_factory.mktemp("stranger"))


def any_file(folder: Path, rng: random.Random, filled: bool = True) -> Path:
    return rng.choice([path for path in sorted(folder.iterdir()) if path.stat().st_size or not filled])


def rewrite(path: Path, content: bytes) -> None:
    path.unlink()  # package files are read-only
    path.write_bytes(content)


def refusal_of(root: Path, digest: str, signer: Signer) -> str:
    """Why the package is refused; empty if it is read, and then it is what was written."""
    try:
        files = read_package(root, digest, signer.verifier)
    except PackageError as error:
        return str(error)
    return "" if files == FILES else "it was read with other contents"


def flip_a_bit(folder: Path, rng: random.Random) -> str:
    path = any_file(folder, rng)
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    rewrite(path, bytes(content))
    return folder.name


def truncate(folder: Path, rng: random.Random) -> str:
    path = any_file(folder, rng)
    content = path.read_bytes()
    rewrite(path, content[: rng.randrange(len(content))])
    return folder.name


def append(folder: Path, rng: random.Random) -> str:
    path = any_file(folder, rng, filled=False)
    rewrite(path, path.read_bytes() + rng.choice([b"\n", b" ", b"\0", rng.randbytes(9)]))
    return folder.name


def delete(folder: Path, rng: random.Random) -> str:
    any_file(folder, rng, filled=False).unlink()
    return folder.name


def add(folder: Path, rng: random.Random) -> str:
    name = rng.choice(["model.pkl", ".hidden", "__init__.py", "booster.json.bak", "manifest.json~"])
    if rng.random() < 0.3:
        (folder / name).mkdir()
    else:
        (folder / name).write_bytes(rng.randbytes(5))
    return folder.name


def swap_contents(folder: Path, rng: random.Random) -> str:
    paths = sorted(folder.iterdir())
    while True:
        one, other = rng.sample(paths, 2)
        contents = one.read_bytes(), other.read_bytes()
        if contents[0] != contents[1]:
            rewrite(one, contents[1])
            rewrite(other, contents[0])
            return folder.name


def rename_a_file(folder: Path, rng: random.Random) -> str:
    path = any_file(folder, rng, filled=False)
    path.rename(path.with_name(rng.choice(["renamed.json", path.name.upper() + "x"])))
    return folder.name


def link_to_the_same_bytes(folder: Path, rng: random.Random) -> str:
    path = any_file(folder, rng, filled=False)
    outside = folder.parent / "outside"
    outside.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(outside if rng.random() < 0.5 else os.path.relpath(outside, folder))
    return folder.name


def not_a_file(folder: Path, rng: random.Random) -> str:
    path = any_file(folder, rng, filled=False)
    path.unlink()
    if rng.random() < 0.5:
        os.mkfifo(path)
    else:
        path.mkdir()
    return folder.name


def link_the_folder(folder: Path, _rng: random.Random) -> str:
    elsewhere = folder.parent / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    return folder.name


def ask_under_another_digest(folder: Path, rng: random.Random) -> str:
    name = hashlib.sha256(rng.randbytes(8)).hexdigest()
    folder.rename(folder.with_name(name))
    return name


def edited_manifest(folder: Path, rng: random.Random) -> bytes:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    name = rng.choice(sorted(manifest["files"]))
    match rng.randrange(5):
        case 0:
            manifest["files"][name]["size"] += rng.choice([-1, 1])
        case 1:
            manifest["files"][name]["sha256"] = hashlib.sha256(rng.randbytes(4)).hexdigest()
        case 2:
            del manifest["files"][name]
        case 3:
            manifest["files"]["extra.json"] = manifest["files"][name]
        case 4:
            manifest["format"] = rng.choice([0, 2, "1", None])
    return canonical_json(manifest).encode()


def edit_the_manifest(folder: Path, rng: random.Random) -> str:
    rewrite(folder / "manifest.json", edited_manifest(folder, rng))
    return folder.name


def edit_the_manifest_and_follow_its_digest(folder: Path, rng: random.Random) -> str:
    manifest = edited_manifest(folder, rng)
    rewrite(folder / "manifest.json", manifest)
    name = hashlib.sha256(manifest).hexdigest()
    folder.rename(folder.with_name(name))
    return name


def change_a_file_and_describe_it_rightly(folder: Path, rng: random.Random) -> str:
    """All but the signature fits: file, manifest and digest."""
    content = rng.randbytes(50)
    rewrite(folder / "decision.json", content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["decision.json"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    encoded = canonical_json(manifest).encode()
    rewrite(folder / "manifest.json", encoded)
    name = hashlib.sha256(encoded).hexdigest()
    folder.rename(folder.with_name(name))
    return name


def replace_the_signature(folder: Path, rng: random.Random) -> str:
    document = json.loads((folder / "manifest.sig").read_bytes())
    match rng.randrange(6):
        case 0:
            document["signature"] = rng.randbytes(64).hex()
        case 1:
            document["signature"] = document["signature"].upper()
        case 2:
            document["algorithm"] = "none"
        case 3:
            document["comment"] = "x"
        case 4:
            document["signature"] = ""
        case 5:
            document["key"] = hashlib.sha256(rng.randbytes(4)).hexdigest()
    rewrite(folder / "manifest.sig", canonical_json(document).encode())
    return folder.name


MUTATIONS: tuple[Mutation, ...] = (
    flip_a_bit,
    truncate,
    append,
    delete,
    add,
    swap_contents,
    rename_a_file,
    link_to_the_same_bytes,
    not_a_file,
    link_the_folder,
    ask_under_another_digest,
    edit_the_manifest,
    edit_the_manifest_and_follow_its_digest,
    change_a_file_and_describe_it_rightly,
    replace_the_signature,
)


def test_of_360_damaged_packages_none_is_accepted(tmp_path: Path, signer: Signer) -> None:
    original = tmp_path / "original"
    digest = write_package(original, FILES, signer)
    outcomes: Counter[tuple[str, str]] = Counter()
    for number in range(360):
        rng = random.Random(number)
        mutate = MUTATIONS[number % len(MUTATIONS)]
        root = tmp_path / f"{number}"
        shutil.copytree(original, root)
        assert read_package(root, digest, signer.verifier) == FILES  # the control, each time: the copy was good
        asked = mutate(root / digest, rng)
        refusal = refusal_of(root, asked, signer)
        told = "must not be used" in refusal and "Way out" in refusal
        outcomes[mutate.__name__, "refused" if told else "accepted"] += 1
        shutil.rmtree(root)
    assert outcomes == {(mutate.__name__, "refused"): 24 for mutate in MUTATIONS}


def test_a_package_signed_with_another_key_is_refused(tmp_path: Path, signer: Signer, stranger: Signer) -> None:
    digest = write_package(tmp_path / "ours", FILES, signer)
    write_package(tmp_path / "theirs", FILES, stranger)
    theirs = (tmp_path / "theirs" / digest / "manifest.sig").read_bytes()
    rewrite(tmp_path / "ours" / digest / "manifest.sig", theirs)
    assert read_package(tmp_path / "ours", digest, stranger.verifier) == FILES  # the control: the signature is real
    with pytest.raises(PackageError, match="does not trust"):
        read_package(tmp_path / "ours", digest, signer.verifier)


def test_the_signature_of_another_good_package_does_not_fit(tmp_path: Path, signer: Signer) -> None:
    digest, other = write_package(tmp_path, FILES, signer), write_package(tmp_path, {"a": b"b"}, signer)
    rewrite(tmp_path / digest / "manifest.sig", (tmp_path / other / "manifest.sig").read_bytes())
    with pytest.raises(PackageError, match="does not fit the contents"):
        read_package(tmp_path, digest, signer.verifier)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "sub/file", "manifest.json", ".."])
def test_even_a_trusted_signature_does_not_lead_out_of_the_folder(tmp_path: Path, signer: Signer, name: str) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    listed = {name: {"sha256": hashlib.sha256(b"secret").hexdigest(), "size": 6}}
    manifest = canonical_json({"files": listed, "format": 1}).encode()
    digest = hashlib.sha256(manifest).hexdigest()
    folder = tmp_path / digest
    folder.mkdir()
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "manifest.sig").write_bytes(signer.sign(manifest))
    with pytest.raises(PackageError, match="names that no package may have"):
        read_package(tmp_path, digest, signer.verifier)


def test_a_huge_file_in_place_of_a_small_one_is_refused_unread(tmp_path: Path, signer: Signer) -> None:
    digest = write_package(tmp_path, FILES, signer)
    for name in ("decision.json", "manifest.json"):
        path = tmp_path / digest / name
        content = path.read_bytes()
        path.unlink()
        with path.open("wb") as file:
            file.truncate(1 << 40)  # sparse: a terabyte that takes no room
        with pytest.raises(PackageError, match="1099511627776 bytes, more than"):
            read_package(tmp_path, digest, signer.verifier)
        rewrite(path, content)
    assert read_package(tmp_path, digest, signer.verifier) == FILES


def test_a_package_whose_writer_is_killed_at_any_line_is_whole_or_not_there(
    tmp_path: Path, signer: Signer, kills: Any
) -> None:
    from churn_platform.adapters.packages import package_digest

    digest = package_digest(FILES)
    assert refusal_of(tmp_path / "0", digest, signer)
    lines = kills.lines(lambda: write_package(tmp_path / "0", FILES, signer), *CODE)
    found = []
    for line in kills.some_of(lines, at_most=60):
        root = tmp_path / f"{line}"
        assert kills.before_line(line, lambda root=root: write_package(root, FILES, signer), *CODE)
        found.append(refusal_of(root, digest, signer))
        assert write_package(root, FILES, signer) == digest
        assert read_package(root, digest, signer.verifier) == FILES
    absent = [refusal for refusal in found if refusal]
    assert all("it is not there" in refusal for refusal in absent)
    assert 0 < len(absent) < len(found)  # killed on both sides of the rename


def test_control_a_package_written_in_place_is_seen_half_written(tmp_path: Path, signer: Signer, kills: Any) -> None:
    digest = write_package(tmp_path / "good", FILES, signer)
    source = {path.name: path.read_bytes() for path in (tmp_path / "good" / digest).iterdir()}

    def write_in_place(root: Path) -> None:
        folder = root / digest
        folder.mkdir(parents=True)
        for name, content in sorted(source.items()):
            (folder / name).write_bytes(content)

    seen = set()
    for line in range(1, 2 * len(source) + 3):
        root = tmp_path / f"{line}"
        kills.before_line(line, lambda root=root: write_in_place(root), "test_packages_faults")
        seen.add(refusal_of(root, digest, signer))
    assert any("is missing" in refusal for refusal in seen)


def test_a_damaged_package_whose_repair_is_killed_is_never_half_good(
    tmp_path: Path, signer: Signer, kills: Any
) -> None:
    damaged = tmp_path / "damaged"
    digest = write_package(damaged, FILES, signer)
    (damaged / digest / "features.json").unlink()

    def copy(name: str) -> Path:
        return Path(shutil.copytree(damaged, tmp_path / name))

    first = copy("0")
    lines = kills.lines(lambda: write_package(first, FILES, signer), *CODE)
    for line in kills.some_of(lines, at_most=30):
        root = copy(f"{line}")
        kills.before_line(line, lambda root=root: write_package(root, FILES, signer), *CODE)
        refusal = refusal_of(root, digest, signer)
        assert refusal == "" or "features.json is missing" in refusal or "it is not there" in refusal
        write_package(root, FILES, signer)
        assert read_package(root, digest, signer.verifier) == FILES


def test_writers_of_the_same_package_at_once_all_end_with_a_good_one(tmp_path: Path, signer: Signer) -> None:
    for number in range(10):
        root = tmp_path / f"{number}"
        children = []
        for _ in range(4):
            pid = os.fork()
            if pid:
                children.append(pid)
                continue
            code = 1
            try:
                digest = write_package(root, FILES, signer)
                code = 0 if read_package(root, digest, signer.verifier) == FILES else 2
            finally:
                os._exit(code)
        assert [os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
        assert [path.name for path in root.iterdir() if not path.name.startswith(".writing-")] == [digest_of_files()]


def digest_of_files() -> str:
    from churn_platform.adapters.packages import package_digest

    return package_digest(FILES)
