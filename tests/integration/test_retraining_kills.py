"""kill -9 within real retraining runs on the real rows: whatever is left behind, the next process finds one champion and every record.

The bench does it a hundred times (`python -m bench retraining_kills`); here a handful, and the control that shows what would be seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.retraining_kills import half_promote, observed

KILLS = 5

pytestmark = [pytest.mark.xdist_group("main_job"), pytest.mark.slow]


def test_killed_at_random_moments_no_run_leaves_a_half_promoted_state_and_the_last_one_ends_alike(
    copy_of_ibm_home: Path,
) -> None:
    # a process of its own: its children are forked, which a process that has used OpenMP must not be
    ran = subprocess.run(
        [sys.executable, "-m", "bench.retraining_kills", "--home", str(copy_of_ibm_home), "--kills", str(KILLS)],
        env={name: value for name, value in os.environ.items() if not name.startswith("CHURN_")},
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = json.loads(ran.stdout)
    assert told["kills"] == KILLS
    assert sum(told["by_step"].values()) == KILLS
    assert told["faults"] == {}
    assert told["ended_with_the_undisturbed_package"] == told["ended"]


def test_control_a_promotion_that_writes_its_pointer_first_is_seen_half_done(copy_of_ibm_home: Path) -> None:
    assert observed(copy_of_ibm_home).promotions == 1
    half_promote(copy_of_ibm_home)
    with pytest.raises(AssertionError, match=r"the champion of telco-churn is churn-99|not exactly one champion"):
        observed(copy_of_ibm_home)


def test_control_a_champion_whose_package_is_not_whole_is_seen(copy_of_ibm_home: Path) -> None:
    package = copy_of_ibm_home / "packages" / observed(copy_of_ibm_home).package
    next(iter(sorted(package.glob("*.json")))).unlink()
    with pytest.raises(AssertionError, match="package is not whole"):
        observed(copy_of_ibm_home)


def test_control_a_lost_record_is_seen(copy_of_ibm_home: Path) -> None:
    from dataclasses import replace

    before = observed(copy_of_ibm_home)
    after = replace(before, records=before.records[:-1])
    assert ("a record was lost or changed", True) in after.compared_with(before)
    assert not any(wrong for _, wrong in before.compared_with(before))
