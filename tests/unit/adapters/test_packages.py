from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.adapters.packages import (
    PackageError,
    manifest_of,
    package_digest,
    read_package,
    write_package,
)
from churn_platform.adapters.signing import (
    KEY_VARIABLE,
    Signer,
    SigningError,
    Verifier,
    load_signer,
    load_verifier,
)

FILES = {"booster.json": b'{"learner":{}}', "features.json": b"[]", "model-card.md": "Grüße".encode()}


@pytest.fixture(autouse=True)
def no_key_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return load_signer(tmp_path_factory.mktemp("keys"))


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True).filter(lambda name: "manifest" not in name)
contents = st.dictionaries(names, st.binary(max_size=60), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(files=contents)
def test_what_is_written_is_read_back_and_the_digest_is_a_function_of_the_contents(
    tmp_path_factory: pytest.TempPathFactory, signer: Signer, files: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("packages")
    digest = write_package(root, files, signer)
    assert read_package(root, digest, signer.verifier) == files
    backwards = dict(reversed(files.items()))
    assert package_digest(backwards) == digest == write_package(root, backwards, signer)
    assert [path.name for path in root.iterdir()] == [digest]


@given(contents, contents)
def test_other_contents_are_another_package(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (package_digest(one) == package_digest(other)) == (one == other)


def test_the_same_contents_are_the_same_bytes_in_another_place(tmp_path: Path, signer: Signer) -> None:
    digests = [write_package(tmp_path / place, FILES, signer) for place in ("here", "there")]
    here, there = (
        {path.name: path.read_bytes() for path in (tmp_path / place / digests[0]).iterdir()}
        for place in ("here", "there")
    )
    assert here == there
    assert set(here) == {*FILES, "manifest.json", "manifest.sig"}


def test_a_manifest_names_size_and_sha256_of_each_file_and_no_time(tmp_path: Path, signer: Signer) -> None:
    manifest = json.loads(manifest_of({"a": b"xyz"}))
    sha256 = "3608bca1e44ea6c4d268eb6db02260269892c0b42b86bbf1e77a6fa16c3c9282"
    assert manifest == {"format": 1, "files": {"a": {"size": 3, "sha256": sha256}}}


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a b", "a\n", "a\0", "manifest.json", "manifest.sig"],
)
def test_a_name_that_could_lead_out_or_mislead_is_refused(tmp_path: Path, signer: Signer, name: str) -> None:
    with pytest.raises(PackageError, match="cannot be a file of a package"):
        write_package(tmp_path, {name: b"x"}, signer)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_package_is_refused(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(PackageError, match="without files"):
        write_package(tmp_path, {}, signer)


def test_a_package_that_is_not_there_is_an_error_with_a_way_out(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(PackageError, match=r"it is not there\. Way out: restore the folder from a backup"):
        read_package(tmp_path, "a" * 64, signer.verifier)


@pytest.mark.parametrize("digest", ["", "../" * 3, "A" * 64, "a" * 63, "a" * 64 + "\n", "." * 64])
def test_a_digest_that_is_none_is_refused_before_any_path_is_made_of_it(
    tmp_path: Path, signer: Signer, digest: str
) -> None:
    with pytest.raises(PackageError, match="is not a package digest"):
        read_package(tmp_path, digest, signer.verifier)


def test_a_damaged_package_is_made_good_by_writing_it_again(tmp_path: Path, signer: Signer) -> None:
    digest = write_package(tmp_path, FILES, signer)
    (tmp_path / digest / "booster.json").unlink()
    with pytest.raises(PackageError, match=r"booster\.json is missing"):
        read_package(tmp_path, digest, signer.verifier)
    assert write_package(tmp_path, FILES, signer) == digest
    assert read_package(tmp_path, digest, signer.verifier) == FILES
    assert [path.name for path in tmp_path.iterdir()] == [digest]


def test_what_a_killed_writer_left_is_cleared_away_once_it_is_old(tmp_path: Path, signer: Signer) -> None:
    old, recent = tmp_path / ".writing-old-1-aa", tmp_path / ".writing-new-2-bb"
    for folder in (old, recent):
        folder.mkdir()
        (folder / "booster.json").write_bytes(b"half")
    os.utime(old, (0, 0))
    write_package(tmp_path, FILES, signer)
    assert not old.exists()
    assert recent.exists()


# Keys


def test_the_installations_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    first = load_signer(tmp_path / "keys")
    assert load_signer(tmp_path / "keys").key_id == first.key_id
    assert (tmp_path / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600
    public = f"{first.key_id[:12]}.pub.pem"
    assert {path.name for path in (tmp_path / "keys").iterdir()} == {"signing.pem", public}
    assert list(load_verifier(tmp_path / "keys").keys) == [first.key_id]


def test_serving_verifies_with_the_public_key_alone(tmp_path: Path) -> None:
    digest = write_package(tmp_path / "packages", FILES, load_signer(tmp_path / "keys"))
    (tmp_path / "keys" / "signing.pem").unlink()
    assert read_package(tmp_path / "packages", digest, load_verifier(tmp_path / "keys")) == FILES


def test_a_named_key_signs_and_older_packages_stay_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, packages = tmp_path / "keys", tmp_path / "packages"
    old = write_package(packages, {"a": b"old"}, load_signer(keys))
    elsewhere = load_signer(tmp_path / "vault")
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "vault" / "signing.pem"))
    signer = load_signer(keys)
    assert signer.key_id == elsewhere.key_id
    new = write_package(packages, {"a": b"new"}, signer)
    verifier = load_verifier(keys)
    assert [read_package(packages, digest, verifier)["a"] for digest in (old, new)] == [b"old", b"new"]


def test_a_new_key_does_not_make_older_packages_unreadable_until_the_old_one_is_distrusted(tmp_path: Path) -> None:
    keys, packages = tmp_path / "keys", tmp_path / "packages"
    old = load_signer(keys)
    digest = write_package(packages, FILES, old)
    (keys / "signing.pem").unlink()
    assert load_signer(keys).key_id != old.key_id
    assert read_package(packages, digest, load_verifier(keys)) == FILES
    (keys / f"{old.key_id[:12]}.pub.pem").unlink()
    with pytest.raises(PackageError, match="does not trust"):
        read_package(packages, digest, load_verifier(keys))


def test_a_package_signed_by_a_stranger_is_refused_and_the_way_to_trust_is_named(tmp_path: Path) -> None:
    digest = write_package(tmp_path / "packages", FILES, load_signer(tmp_path / "stranger"))
    load_signer(tmp_path / "keys")
    with pytest.raises(PackageError, match=r"which this installation does not trust.*\.pub\.pem"):
        read_package(tmp_path / "packages", digest, load_verifier(tmp_path / "keys"))


def test_a_verifier_that_trusts_nobody_is_refused(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(SigningError, match="holds no public key"):
        load_verifier(tmp_path)
    digest = write_package(tmp_path / "packages", FILES, signer)
    with pytest.raises(PackageError, match="does not trust"):
        read_package(tmp_path / "packages", digest, Verifier({}))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_signing_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    load_signer(tmp_path)
    (tmp_path / "signing.pem").chmod(mode)
    with pytest.raises(SigningError, match="chmod 600"):
        load_signer(tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "is not there"), (b"", "not an unencrypted private key"), (b"rubbish", "not an unencrypted private key")],
)
def test_a_named_key_that_is_none_is_refused_rather_than_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, why: str
) -> None:
    path = tmp_path / "named.pem"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    monkeypatch.setenv(KEY_VARIABLE, str(path))
    with pytest.raises(SigningError, match=why):
        load_signer(tmp_path / "keys")


def test_a_key_of_another_kind_or_under_a_password_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    curve, locked = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    pems = {
        "not an Ed25519 key": curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "unencrypted": locked.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
    }
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "named.pem"))
    for why, pem in pems.items():
        (tmp_path / "named.pem").write_bytes(pem)
        (tmp_path / "named.pem").chmod(0o600)
        with pytest.raises(SigningError, match=why):
            load_signer(tmp_path / "keys")
    (tmp_path / "named.pub.pem").write_bytes(
        curve.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(SigningError, match="not an Ed25519 public key"):
        load_verifier(tmp_path)


def test_a_signature_means_nothing_for_another_purpose(signer: Signer) -> None:
    """The bytes that are signed begin with what they are for: a bare signature over a manifest is not accepted."""
    message = b"a manifest"
    document = json.loads(signer.sign(message))
    bare = signer._key.sign(message).hex()
    forged = json.dumps({**document, "signature": bare}, sort_keys=True, separators=(",", ":")).encode()
    signer.verifier.verify(message, signer.sign(message))
    with pytest.raises(SigningError, match="does not fit"):
        signer.verifier.verify(message, forged)
