"""XGBoost's own margins, asked in a process of their own.

What belongs here: the parent's side of the process that a large day's scores are compared with. What does not: its own side
(`xgboost_margins`), which rows are compared and what a gap means (`block_scoring`).

Scores are made from pattern tables, without XGBoost; only the check of a sample asks it. Importing its Python package (with scipy, and
scikit-learn where that is installed) takes as long as scoring some 300,000 customers. The child loads XGBoost's library alone, and shares
neither code nor memory with what it checks; bytes on which that library gives up cost the child, not the day.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from churn_platform.training.candidate import ModelPackage

CHILD = Path(__file__).with_name("xgboost_margins.py")
PATIENCE = 300.0
"""Seconds until an answer must be there; 20,000 rows take less than one."""


class MarginWitness:
    """A child that has XGBoost ready; it ends with the context, or with its parent, whatever became of that."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(  # noqa: S603 (our own file in our own interpreter)
            [sys.executable, "-I", "-S", CHILD, _library()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> MarginWitness:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self._child.communicate()

    def margins(self, package: ModelPackage, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """The booster's own margin of rows in model order, calibrated, (rows,); a witness answers once.

        Raises:
            ScoringError: the child failed, is silent, or answers with anything but a margin a row; its last word is in the message.
            ModelFileError: the package's booster is not the one that its other files describe.
        """
        import numpy as np

        from churn_platform.scoring import ScoringError

        package.model.require_matching_booster()
        booster = package.model.booster_json
        told = {"booster": len(booster), "rows": values.shape[0], "features": values.shape[1]}
        asked = b"".join(
            [json.dumps(told).encode(), b"\n", booster, np.ascontiguousarray(values, np.float32).tobytes()]
        )
        try:
            answered, said = self._child.communicate(asked, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise ScoringError(
                f"XGBoost's own margins were not there after {PATIENCE:.0f} seconds: {WAY_OUT}"
            ) from None
        if self._child.returncode != 0:
            last = said.decode(errors="replace").strip().splitlines()[-1:] or [f"exit {self._child.returncode}"]
            raise ScoringError(f"XGBoost's own margins could not be had ({last[0]}): {WAY_OUT}")
        if len(answered) != 4 * len(values):  # one number would be compared with every row
            raise ScoringError(
                f"XGBoost's own margins are {len(answered)} bytes for {len(values)} rows of four each: {WAY_OUT}"
            )
        return package.model.calibration.margin(np.frombuffer(answered, np.float32).astype(np.float64))


def _library() -> Path:
    """XGBoost's own shared library, found without importing the package: that takes 0.5 s (measured)."""
    spec = importlib.util.find_spec("xgboost")
    if spec is not None and spec.origin is not None:
        found = sorted((Path(spec.origin).parent / "lib").glob("*xgboost*"))
        if found:
            return found[0]
    from xgboost.libpath import find_lib_path  # it knows the places of other ways to install it

    return Path(find_lib_path()[0])


WAY_OUT = "nothing is published; score the day again"
