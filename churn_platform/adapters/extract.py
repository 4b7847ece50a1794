"""Finding IBM's extract: in a folder, else by download, else the committed generated sample — and saying which.

What belongs here: paths, the download with its digest check, reading the CSVs. What they mean is `feeds/ibm.py`.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from churn_platform.feeds.ibm import Extract
from churn_platform.settings import Settings

CLASSIC_FILES = ("telco_customer_churn.csv", "Telco-Customer-Churn.csv", "WA_Fn-UseC_-Telco-Customer-Churn.csv")
SERVICES_FILE = "telco_services.csv"
STATUS_FILE = "telco_status.csv"
SAMPLE_FILE = "telco_customer_churn.csv"
PUBLISHED_URL = (
    "https://raw.githubusercontent.com/IBM/telco-customer-churn-on-icp4d/master/data/Telco-Customer-Churn.csv"
)
PUBLISHED_SHA256 = "16320c9c1ec72448db59aa0a26a0b95401046bef5d02fd3aeb906448e3055e91"
DOWNLOAD_SECONDS = 10
DOWNLOAD_LIMIT_BYTES = 5_000_000


class ExtractNotFoundError(FileNotFoundError):
    """Neither a file, nor a download, nor the sample could be had."""


@dataclass(frozen=True, slots=True)
class ExtractSource:
    """Where the rows come from. `simulated` is True when they are made up; `note` is one line for people."""

    folder: Path
    files: tuple[Path, ...]
    digest: str
    simulated: bool
    note: str


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def find_extract(settings: Settings) -> ExtractSource:
    """Locate the extract: the settings' folders in order, else GitHub (with timeout and digest check), else the sample.

    Raises:
        ExtractNotFoundError: not even the committed sample is there.
    """
    for folder in settings.raw_dirs:
        for name in CLASSIC_FILES:
            if (folder / name).is_file():
                return _source(folder, folder / name, simulated=False)
    why_not = (
        "CHURN_OFFLINE is set" if settings.offline else _download(settings.home / "raw" / "ibm" / CLASSIC_FILES[0])
    )
    if why_not is None:
        folder = settings.home / "raw" / "ibm"
        return _source(folder, folder / CLASSIC_FILES[0], simulated=False)
    sample = settings.sample / SAMPLE_FILE
    if not sample.is_file():
        raise ExtractNotFoundError(
            f"no IBM extract in {', '.join(map(str, settings.raw_dirs))}, no download ({why_not}), and no sample at {sample}; "
            f"put {CLASSIC_FILES[0]} into data/raw/ibm/ or set CHURN_RAW_DIR"
        )
    found = _source(settings.sample, sample, simulated=True)
    note = (
        f"simulated: IBM's file was not found and could not be downloaded ({why_not}), so the generated sample is used"
    )
    return ExtractSource(found.folder, found.files, found.digest, True, note)


def _source(folder: Path, classic: Path, *, simulated: bool) -> ExtractSource:
    extensions = (
        [] if simulated else [folder / name for name in (SERVICES_FILE, STATUS_FILE) if (folder / name).is_file()]
    )
    files = (classic, *extensions)
    digests = [sha256_of(path) for path in files]
    published = (
        "IBM's published file" if digests[0] == PUBLISHED_SHA256 else "not IBM's published file (its sha256 differs)"
    )
    tables = " with " + " and ".join(path.stem for path in extensions) if extensions else ""
    digest = hashlib.sha256(
        "\n".join(f"{path.name} {d}" for path, d in zip(files, digests, strict=True)).encode()
    ).hexdigest()
    return ExtractSource(folder, files, digest, simulated, f"{classic} ({published}){tables}")


def _download(target: Path) -> str | None:
    """Fetch the published file; None on success, else one clause that says why not. Nothing half-written is left."""
    try:
        with urllib.request.urlopen(PUBLISHED_URL, timeout=DOWNLOAD_SECONDS) as response:  # noqa: S310 (a constant https address)
            content = response.read(DOWNLOAD_LIMIT_BYTES + 1)
    except (urllib.error.URLError, TimeoutError, OSError, http.client.HTTPException) as error:
        return f"the download failed: {getattr(error, 'reason', error)}"
    found = hashlib.sha256(content).hexdigest()
    if found != PUBLISHED_SHA256:
        return f"the download's sha256 {found[:12]}… is not the published {PUBLISHED_SHA256[:12]}…"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(".part")
        temporary.write_bytes(content)
        os.replace(temporary, target)
    except OSError as error:
        return f"the download could not be stored: {error}"
    return None


def read_extract(source: ExtractSource) -> Extract:
    """Read the extract's tables as they stand: text stays text, a blank stays blank."""
    frames: dict[str, pd.DataFrame] = {}
    for path in source.files:
        kind = {SERVICES_FILE: "services", STATUS_FILE: "status"}.get(path.name, "churn")
        # "None" is a value of the extension's Offer and Internet Type: only an empty field is missing
        frames[kind] = pd.read_csv(path, keep_default_na=False, na_values=[""])
    return Extract(**frames)
