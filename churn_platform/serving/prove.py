"""A package's first load, in a process of its own: some damaged boosters do not fail, they end the process that parses them.

What belongs here: the child that loads a package and compares its two ways to the same margin, and starting it. What does not: loading
for answers (`state.py`), which happens only after the child said yes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from churn_platform.training.candidate import ModelPackage

ROWS = 64
AT_MOST = 1e-4
"""The largest difference of margins, in log odds: float32 sums over some hundred trees differ by about 1e-6."""


def prove_in_child(packages: Path, keys: Path, digest: str, seconds: float = 60.0) -> str | None:
    """Load the package in a child and compare; the reason why it must not be loaded here, None where it may.

    Args:
        packages, keys: folders of packages and trusted public keys.
        digest: which package.
        seconds: a child that takes longer is ended, and the package refused.
    """
    call = [sys.executable, "-m", "churn_platform.serving.prove", str(packages), str(keys), digest]
    try:
        done = subprocess.run(call, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603 (our own module)
    except subprocess.TimeoutExpired:
        return f"its proof took longer than {seconds:.0f} seconds"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
    return f"its proof ended with {done.returncode}: {said}"


def proof(packages: Path, keys: Path, digest: str) -> float:
    """The largest difference between the booster's margin and its tables' sums, over made rows.

    Raises:
        ValueError, PackageError: the package does not verify, does not load, or the two differ by more than `AT_MOST`.
    """
    from churn_platform.adapters.packages import read_package
    from churn_platform.adapters.signing import load_verifier
    from churn_platform.training.candidate import ModelPackage

    files = read_package(packages, digest, load_verifier(keys))
    package = ModelPackage.from_files(digest, files)
    rows = made_rows(package)
    values = package.model.values(rows)
    by_tables = package.contributions(values, threads=1).margin
    by_booster = package.model.calibration.margin(package.model.margin(rows))
    gap = float(np.max(np.abs(by_tables - by_booster)))
    if not gap <= AT_MOST:
        raise ValueError(f"the booster and its tables differ by {gap:.2e} log odds: the files are of different models")
    return gap


def made_rows(package: ModelPackage, rows: int = ROWS) -> pd.DataFrame:
    """`rows` rows that walk each feature's reference: its bin edges and categories, and missing values; the same ones each time."""
    rng = np.random.default_rng(20260101)
    columns = {}
    for distribution in package.reference.features:
        if distribution.name not in package.model.feature_names:
            continue
        if distribution.categories:
            drawn = rng.choice(np.array([*distribution.categories, None], dtype=object), rows)
            columns[distribution.name] = pd.Series(drawn, dtype="object")
        else:
            edges = np.array([*distribution.edges, np.nan]) if distribution.edges else np.array([0.0, np.nan])
            columns[distribution.name] = pd.Series(rng.choice(edges, rows) + rng.normal(0, 1, rows))
    return pd.DataFrame(columns)


if __name__ == "__main__":
    try:
        print(proof(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))  # noqa: T201 (the child's word)
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}".replace("\n", " "))
