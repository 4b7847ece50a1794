"""XGBoost's own margins, asked in a process of their own.

What belongs here: the parent's side of the process that a large day's scores are compared with. What does not: its own side
(`xgboost_margins`), which rows are compared and what a gap means (`block_scoring`).

Scores are made from pattern tables, without XGBoost; only the check of a sample asks it. Importing it (with scipy, and scikit-learn where
that is installed) takes as long as scoring some 300,000 customers, and would hold the interpreter's lock all the while. The child imports
it on another core while the parent starts, and shares neither code nor memory with what it checks.
"""

from __future__ import annotations

import io
import subprocess
import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from churn_platform.training.candidate import ModelPackage

CHILD = "churn_platform.flows.xgboost_margins"
PATIENCE = 300.0
"""Seconds until an answer must be there; 20,000 rows take less than one."""


class MarginWitness:
    """A child that has XGBoost ready; it ends with the context, or with its parent, whatever became of that."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(  # noqa: S603 (our own module in our own interpreter)
            [sys.executable, "-m", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
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
        from churn_platform.training.matrix import feature_types

        package.model.require_matching_booster()
        asked = io.BytesIO()
        np.savez(
            asked,
            booster=np.frombuffer(package.model.booster_json, np.uint8),
            names=list(package.model.feature_names),
            types=feature_types(package.features),
            values=values,
        )
        try:
            answered, said = self._child.communicate(asked.getvalue(), timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise ScoringError(
                f"XGBoost's own margins were not there after {PATIENCE:.0f} seconds: {WAY_OUT}"
            ) from None
        if self._child.returncode != 0:
            last = said.decode(errors="replace").strip().splitlines()[-1:] or [f"exit {self._child.returncode}"]
            raise ScoringError(f"XGBoost's own margins could not be had ({last[0]}): {WAY_OUT}")
        try:
            raw: NDArray[np.float64] = np.load(io.BytesIO(answered), allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ScoringError(f"XGBoost's own margins cannot be read ({error}): {WAY_OUT}") from error
        if raw.shape != (len(values),):  # one number would be compared with every row
            raise ScoringError(f"XGBoost's own margins are {raw.shape} for {len(values)} rows: {WAY_OUT}")
        return package.model.calibration.margin(raw)


WAY_OUT = "nothing is published; score the day again"
