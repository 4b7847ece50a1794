"""A package's first load, in a process of its own: some damaged boosters do not fail, they end the process that parses them.

What belongs here: the child that loads a package and lets it answer its golden rows, and starting it. What does not: loading for
answers (`following.py`), which happens only after the child said yes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


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
    except OSError as error:
        return f"its proof could not be started: {error}"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
    return f"its proof ended with {done.returncode}: {said}"


def proof(packages: Path, keys: Path, digest: str) -> float:
    """The largest difference between the booster's margin and its tables' sums, over the package's golden rows.

    Raises:
        ValueError, PackageError: the package does not verify, does not load, or does not say what it said when it was made.
    """
    from churn_platform.adapters.feature_sql import FeatureSql
    from churn_platform.adapters.packages import read_package
    from churn_platform.adapters.signing import load_verifier
    from churn_platform.contracts.features import FEATURE_SETS
    from churn_platform.serving.model import FEATURE_SQL_FILE
    from churn_platform.training.candidate import ModelPackage
    from churn_platform.training.golden import golden_gap

    files = read_package(packages, digest, load_verifier(keys))
    package = ModelPackage.from_files(digest, files)
    FeatureSql(files[FEATURE_SQL_FILE].decode(), FEATURE_SETS[package.model.feature_set].table).close()
    return golden_gap(package, files)


if __name__ == "__main__":
    try:
        print(proof(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))  # noqa: T201 (the child's word)
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}".replace("\n", " "))
