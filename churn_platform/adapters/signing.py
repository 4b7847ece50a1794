"""Who signed a model package: the installation's Ed25519 key (RFC 8032), and the keys it trusts.

What belongs here: keys on disk, signing, verifying, and the form of a signature file. What does not: what is signed
(`packages`). The private key is the file that `$CHURN_SIGNING_KEY` names, else `keys/signing.pem`, made at first use
and readable by its owner alone. Every public key `keys/<key id>.pub.pem` is trusted: after a change of key the old one
stays, so that older packages can still be rolled back to; to distrust a key, remove its file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from churn_platform.adapters.atomic_files import fsync_folder, write_atomically
from churn_platform.adapters.unfinished import unfinished_path, write_synced
from churn_platform.governance.canonical import canonical_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_VARIABLE = "CHURN_SIGNING_KEY"
_PRIVATE = "signing.pem"
# What this key signs is a package's manifest: the prefix keeps the signature from meaning anything elsewhere.
_PURPOSE = b"churn-platform model package manifest v1\n"


class SigningError(ValueError):
    """A key cannot be used, or a signature does not hold; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """The public keys whose signatures count, by key id (sha256 of the raw public key)."""

    keys: Mapping[str, Ed25519PublicKey]

    def verify(self, message: bytes, signature: bytes) -> None:
        """Accept `signature`, the bytes of a signature file, over `message`; SigningError otherwise."""
        from cryptography.exceptions import InvalidSignature

        key_id, value = _parse(signature)
        key = self.keys.get(key_id)
        if key is None:
            raise SigningError(
                f"it was signed with the key {key_id[:12]}…, which this installation does not trust. If it should, "
                "copy that installation's *.pub.pem into the keys folder."
            )
        try:
            key.verify(value, _PURPOSE + message)
        except InvalidSignature as error:
            raise SigningError(f"the signature of key {key_id[:12]}… does not fit the contents") from error


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key. The same message always gets the same signature."""

    _key: Ed25519PrivateKey = field(repr=False)

    @property
    def key_id(self) -> str:
        """sha256 of the raw public key."""
        return _key_id(self._key.public_key())

    @property
    def verifier(self) -> Verifier:
        """A verifier that trusts this key alone."""
        return Verifier({self.key_id: self._key.public_key()})

    def sign(self, message: bytes) -> bytes:
        """The bytes of a signature file over `message`."""
        return _document(self.key_id, self._key.sign(_PURPOSE + message))


def load_signer(keys_folder: Path) -> Signer:
    """The signing key of `$CHURN_SIGNING_KEY`, else the installation's own in `keys_folder`, made if there is none.

    The public half is put into `keys_folder`, where verification looks. SigningError for a file that is missing, is
    not an unencrypted Ed25519 PEM, or can be read by others than its owner.
    """
    named = os.environ.get(KEY_VARIABLE, "").strip()
    path = Path(named).expanduser() if named else keys_folder / _PRIVATE
    if not named and not path.exists():
        _make_key(path)
    signer = Signer(_read_private(path))
    public = keys_folder / f"{signer.key_id[:12]}.pub.pem"
    content = _public_pem(signer._key.public_key())
    if not public.is_file() or public.read_bytes() != content:
        write_atomically(public, content)
    return signer


def load_verifier(keys_folder: Path) -> Verifier:
    """Trust every `*.pub.pem` in `keys_folder`; needs no private key. SigningError if there is none to trust."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys: dict[str, Ed25519PublicKey] = {}
    for path in sorted(keys_folder.glob("*.pub.pem")):
        try:
            key = load_pem_public_key(path.read_bytes())
        except ValueError as error:
            raise SigningError(
                f"{path} is not a public key in PEM form: remove it, or put the right file there"
            ) from error
        if not isinstance(key, Ed25519PublicKey):
            raise SigningError(f"{path} is not an Ed25519 public key: packages are signed with Ed25519 only")
        keys[_key_id(key)] = key
    if not keys:
        raise SigningError(
            f"{keys_folder} holds no public key (*.pub.pem), so no package can be verified: "
            "the first training makes one, or copy the training installation's *.pub.pem there"
        )
    return Verifier(keys)


def _make_key(path: Path) -> None:
    """Write a new private key unless another process is faster: whoever links the name first made the key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    beside = unfinished_path(path.parent, path.name)
    write_synced(beside, pem, mode=0o600)
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()
    fsync_folder(path.parent)


def _read_private(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not path.is_file():
        raise SigningError(
            f"the signing key {path} is not there: set {KEY_VARIABLE} to the path of a PEM file, or unset it"
        )
    if path.stat().st_mode & 0o077:
        raise SigningError(f"the signing key {path} can be read by others than its owner: chmod 600 {path}")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise SigningError(f"the signing key {path} is not an unencrypted private key in PEM form: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningError(
            f"the signing key {path} is not an Ed25519 key: openssl genpkey -algorithm ed25519 makes one"
        )
    return key


def _raw(key: Ed25519PublicKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _public_pem(key: Ed25519PublicKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(_raw(key)).hexdigest()


def _document(key_id: str, value: bytes) -> bytes:
    return canonical_json({"algorithm": "ed25519", "key": key_id, "signature": value.hex()}).encode()


def _parse(signature: bytes) -> tuple[str, bytes]:
    """Key id and raw signature of a signature file, which has exactly one spelling."""
    try:
        document = json.loads(signature)
        key_id, value = document["key"], bytes.fromhex(document["signature"])
    except (ValueError, KeyError, TypeError) as error:
        raise SigningError("the signature file is damaged") from error
    if not isinstance(key_id, str) or _document(key_id, value) != signature:
        raise SigningError("the signature file is damaged: it is not in the form in which signatures are written")
    return key_id, value
