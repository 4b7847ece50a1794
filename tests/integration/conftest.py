"""What the integration tests share: the finished home of the main job on the real IBM data, made once for all of them.

Tests that use it belong to the xdist group `main_job`, so that one worker makes it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import answer, churn

REAL_DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def ibm_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert (REAL_DATA / "telco_customer_churn.csv").is_file(), f"the real data must lie in {REAL_DATA}"
    return tmp_path_factory.mktemp("main-job") / "home"


@pytest.fixture(scope="session")
def ibm_summary(ibm_home: Path) -> dict[str, Any]:
    return answer(churn(ibm_home, "run", "--feed", "ibm", "--json"))


@pytest.fixture
def copy_of_ibm_home(ibm_home: Path, ibm_summary: dict[str, Any], tmp_path: Path) -> Path:
    """A copy of the finished home, to be damaged."""
    assert ibm_summary["champion_version"]
    return Path(shutil.copytree(ibm_home, tmp_path / "home"))
