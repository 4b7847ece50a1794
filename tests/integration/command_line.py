"""The command line in a home of a test's own, and its answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def churn(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the console script in a home of its own."""
    script = Path(sys.executable).parent / "churn"
    return subprocess.run(
        [script, *arguments],
        env={**os.environ, "CHURN_HOME": str(home), "CHURN_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=home.parent,
    )


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3000:]
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed
