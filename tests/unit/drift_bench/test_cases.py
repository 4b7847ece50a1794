"""The plan of lives."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_platform.flows.drift_bench.cases import BenchError, BenchSize, plan
from churn_platform.simulation.scenario import ScenarioError
from churn_platform.simulation.scenario.reading import packaged_scenarios

SCENARIO = """
name: late_invoices
about: Invoices come late.
cause: invoices_late
changes: [feed]
effects:
- {effect: delay, table: invoices, hours: 48, start_day: 20}
"""


def test_the_default_plan_is_every_scenario_and_a_calm_year_for_each_of_five_seeds() -> None:
    plans = plan(BenchSize())
    planted = {name for name, scenario in packaged_scenarios().items() if scenario.start_day is not None}
    assert len(plans) == len({one.seed for one in plans}) == 5
    for one in plans:
        assert {case.name for case in one.cases if case.change_day is not None} == planted
        assert [case.live_days for case in one.cases if case.change_day is None] == [365]


def test_a_scenario_may_come_from_a_file_and_starts_when_it_says(tmp_path: Path) -> None:
    path = tmp_path / "late.yml"
    path.write_text(SCENARIO)
    (only,) = plan(BenchSize(seeds=1, after_days=30), [str(path), "crm_lag"])
    calm, late, lag = only.cases
    assert only.branch_days == (20, 90)
    assert (late.name, late.cause, late.change_day, late.live_days, late.same_day) == (
        "late_invoices",
        "invoices_late",
        20,
        50,
        True,
    )
    assert (lag.change_day, calm.branch_day) == (90, 20)


def test_the_same_content_is_the_same_case_wherever_its_file_lies(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text(SCENARIO)
    first, second = (plan(BenchSize(seeds=1), [str(tmp_path / name)])[0].cases[1] for name in ("a.yml", "b.yml"))
    assert first.digest("code", "policy") == second.digest("code", "policy")


def test_another_content_code_or_policy_is_another_case(tmp_path: Path) -> None:
    path = tmp_path / "late.yml"
    path.write_text(SCENARIO)
    before = plan(BenchSize(seeds=1), [str(path)])[0].cases[1]
    path.write_text(SCENARIO.replace("48", "24"))
    after = plan(BenchSize(seeds=1), [str(path)])[0].cases[1]
    digests = [before.digest("c", "p"), after.digest("c", "p"), before.digest("d", "p"), before.digest("c", "q")]
    assert len(set(digests)) == 4


def test_a_scenario_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "idle.yml"
    path.write_text("name: idle\nabout: x\ncause: none\n")
    with pytest.raises(BenchError, match="changes nothing"):
        plan(BenchSize(), [str(path)])


def test_two_scenarios_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "late.yml"
    path.write_text(SCENARIO.replace("late_invoices", "crm_lag"))
    with pytest.raises(BenchError, match="two scenarios are called 'crm_lag'"):
        plan(BenchSize(), [str(path), "crm_lag"])


def test_a_calm_life_too_short_to_be_the_control_is_refused() -> None:
    with pytest.raises(BenchError, match="--calm-days 150"):
        plan(BenchSize(calm_days=120), ["crm_lag"])


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match="crm_lag"):
        plan(BenchSize(), ["no_such_thing"])
