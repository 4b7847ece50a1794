"""What a comparison leaves behind: its figures by content, found again by its inputs.

What belongs here: writing and reading them. What does not: making a comparison (`comparison`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.platform import Platform
from churn_platform.evaluation.comparison import (
    Comparison,
    ComparisonRows,
)
from churn_platform.governance.canonical import canonical_json


def comparisons_folder(platform: Platform) -> Path:
    """Where comparisons lie."""
    return platform.settings.home / "comparisons"


def comparison_key(platform: Platform, packages: Mapping[str, str], rows: ComparisonRows) -> str:
    """What makes a comparison the same: both packages, the rows, the policy."""
    content = pd.util.hash_pandas_object(rows.frame, index=False).to_numpy().tobytes()
    parts = [*(f"{version}={digest}" for version, digest in packages.items()), platform.policies.digest]
    return hashlib.sha256("\n".join(parts).encode() + content).hexdigest()


def known_comparison(platform: Platform, key: str) -> str | None:
    """The digest of the comparison that was made of the same inputs before, so that a run that died does not measure again."""
    try:
        return (comparisons_folder(platform) / "by-inputs" / key).read_text().strip()
    except OSError:
        return None


def store_comparison(platform: Platform, comparison: Comparison, key: str | None) -> str:
    """Write a comparison under its digest, which is returned, and note the inputs it was made of."""
    content = canonical_json(comparison.to_dict()).encode()
    digest = hashlib.sha256(content).hexdigest()
    write_atomically(comparisons_folder(platform) / f"{digest}.json", content)
    if key is not None:
        write_atomically(comparisons_folder(platform) / "by-inputs" / key, digest.encode())
    return digest


def read_comparison(platform: Platform, digest: Any) -> Comparison | None:
    """The comparison of that digest; None where there is none, or its file has another."""
    if not isinstance(digest, str):
        return None
    try:
        content = (comparisons_folder(platform) / f"{digest}.json").read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            return None
        return Comparison.from_dict(json.loads(content))
    except (OSError, ValueError):
        return None
