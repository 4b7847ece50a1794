"""Finding IBM's extract: in a folder, else by download; else an error that says what can be done.

What belongs here: paths, the download with its digest check, reading the CSVs. What they mean is `feeds/ibm.py`.
"""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.feeds.ibm import Extract
from churn_platform.settings import Settings

CLASSIC_FILES = ("telco_customer_churn.csv", "Telco-Customer-Churn.csv", "WA_Fn-UseC_-Telco-Customer-Churn.csv")
SERVICES_FILE = "telco_services.csv"
STATUS_FILE = "telco_status.csv"
PUBLISHED_URL = (
    "https://raw.githubusercontent.com/IBM/telco-customer-churn-on-icp4d/master/data/Telco-Customer-Churn.csv"
)
PUBLISHED_SHA256 = "16320c9c1ec72448db59aa0a26a0b95401046bef5d02fd3aeb906448e3055e91"
#: for the whole file of 1 MB, and for each wait within it
DOWNLOAD_SECONDS = 10.0
DOWNLOAD_LIMIT_BYTES = 5_000_000
CHUNK_BYTES = 65_536


class ExtractNotFoundError(FileNotFoundError):
    """The extract can be had neither from a folder nor by download; `why_not` says in one clause why there was no download."""

    def __init__(self, message: str, why_not: str) -> None:
        super().__init__(message)
        self.why_not = why_not


@dataclass(frozen=True, slots=True)
class ExtractSource:
    """Where the rows come from; `note` is one line for people."""

    folder: Path
    files: tuple[Path, ...]
    digest: str
    note: str


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def find_extract(settings: Settings) -> ExtractSource:
    """Locate the extract: the settings' folders in order, else GitHub (with timeout and digest check).

    Raises:
        ExtractNotFoundError: it cannot be had; the message says where it was looked for and what to do instead.
    """
    for folder in settings.raw_dirs:
        for name in CLASSIC_FILES:
            if (folder / name).is_file():
                return _source(folder, folder / name)
    folder = settings.home / "raw" / "ibm"
    why_not = "CHURN_OFFLINE is set" if settings.offline else _download(folder / CLASSIC_FILES[0])
    if why_not is not None:
        raise ExtractNotFoundError(
            f"no IBM extract in {', '.join(map(str, settings.raw_dirs))}, and no download ({why_not}); put {CLASSIC_FILES[0]} into "
            "data/raw/ibm/ or set CHURN_RAW_DIR, or live on the simulated telco: churn run --feed world",
            why_not,
        )
    return _source(folder, folder / CLASSIC_FILES[0])


def _source(folder: Path, classic: Path) -> ExtractSource:
    extensions = [folder / name for name in (SERVICES_FILE, STATUS_FILE) if (folder / name).is_file()]
    files = (classic, *extensions)
    digests = [sha256_of(path) for path in files]
    published = (
        "IBM's published file" if digests[0] == PUBLISHED_SHA256 else "not IBM's published file (its sha256 differs)"
    )
    tables = " with " + " and ".join(path.stem for path in extensions) if extensions else ""
    digest = hashlib.sha256(
        "\n".join(f"{path.name} {d}" for path, d in zip(files, digests, strict=True)).encode()
    ).hexdigest()
    return ExtractSource(folder, files, digest, f"{classic.name} ({published}){tables}")


def _download(target: Path) -> str | None:
    """Fetch the published file; None on success, else one clause that says why not. Nothing half-written is left."""
    try:
        with urllib.request.urlopen(PUBLISHED_URL, timeout=DOWNLOAD_SECONDS) as response:
            content = _read_in_time(response)
    except (OSError, http.client.HTTPException) as error:  # URLError and TimeoutError are OSErrors
        return f"the download failed: {' '.join(str(getattr(error, 'reason', error)).split())}"
    found = hashlib.sha256(content).hexdigest()
    if found != PUBLISHED_SHA256:
        return (
            f"the download's sha256 {found[:12]}… ({len(content)} bytes) is not the published {PUBLISHED_SHA256[:12]}…"
        )
    try:
        write_atomically(target, content)
    except OSError as error:
        return f"the download could not be stored: {error}"
    return None


def _read_in_time(response: http.client.HTTPResponse) -> bytes:
    """At most the limit's bytes; the timeout of a connection is per wait, so a server that drips is cut here."""
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    content = b""
    while len(content) <= DOWNLOAD_LIMIT_BYTES and (chunk := response.read1(CHUNK_BYTES)):
        content += chunk
        if time.monotonic() > deadline:
            raise TimeoutError(f"it took longer than {DOWNLOAD_SECONDS:g} s")
    return content


def read_extract(source: ExtractSource) -> Extract:
    """Read the extract's tables as they stand: text stays text, a blank stays blank."""
    frames: dict[str, pd.DataFrame] = {}
    for path in source.files:
        kind = {SERVICES_FILE: "services", STATUS_FILE: "status"}.get(path.name, "churn")
        # "None" is a value of the extension's Offer and Internet Type: only an empty field is missing
        # an id is text, so that "007" stays one
        ids = {"customerID": "str", "Customer ID": "str"}
        frames[kind] = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=ids)
    return Extract(**frames)
