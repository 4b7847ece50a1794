"""The performance and objectives reports on a finished home: recorded, shown offline, repeatable, and closed when labels stop."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from command_line import answer, churn

from churn_platform.adapters.platform import Platform, open_platform
from churn_platform.flows.monitoring.causes import rank_causes
from churn_platform.flows.monitoring.objectives import report_objectives
from churn_platform.flows.monitoring.performance import judge_of, report_performance

pytestmark = [pytest.mark.xdist_group("main_job"), pytest.mark.slow]


@pytest.fixture
def lived(copy_of_ibm_home: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("CHURN_HOME", str(copy_of_ibm_home))
    return open_platform()


def last_day(platform: Platform) -> date:
    return platform.calendar.live_end


def test_each_day_is_estimated_recorded_and_shown_on_a_page_that_asks_no_host(lived: Platform) -> None:
    day = last_day(lived)
    report = report_performance(lived, [day])
    judged = report.days[day]
    assert not isinstance(judged.estimated, str)
    assert set(judged.estimated.metrics) == {"auc", "f1", "brier", "ece", "churn_rate"}
    recorded = lived.ops.findings(report="performance", day=day)[-1].findings
    assert [one.to_dict() for one in recorded] == [one.to_dict() for one in judged.findings]
    page = report.pages[day].read_text()
    assert "http:" not in page
    assert "https:" not in page
    assert (report.pages[day].parents[1] / "plotly.min.js").is_file()


def test_judging_a_day_again_gives_the_same_and_records_nothing(lived: Platform) -> None:
    day = last_day(lived)
    first, before = report_performance(lived, [day]), len(lived.ops.ledger(10_000))
    again = report_performance(lived, [day])
    assert [f.to_dict() for f in again.days[day].findings] == [f.to_dict() for f in first.days[day].findings]
    assert len(lived.ops.ledger(10_000)) == before


def test_labels_that_stop_are_insufficient_data_and_not_a_quiet_month(lived: Platform) -> None:
    day = last_day(lived)
    control = judge_of(lived, day, day).day(day)
    assert control.label_maturity == 1.0
    assert not isinstance(control.realised, str), "the control: with labels it is measured"
    with lived.warehouse.connect() as connection:
        connection.execute("DELETE FROM raw.churn_events WHERE churned_on > ?", [day - timedelta(20)])
    silent = judge_of(lived, day, day).day(day)
    assert silent.label_maturity < 0.5
    assert isinstance(silent.realised, str)
    assert "departures are known up to" in silent.realised
    decay = next(one for one in silent.findings if one.signal == "performance_decay")
    assert (decay.severity, decay.acts) == ("insufficient_data", False)
    assert rank_causes(lived, day).first.name == "label_outage"


def test_the_shift_is_split_exactly_and_a_calm_replay_names_no_cause(lived: Platform) -> None:
    ranking = rank_causes(lived, last_day(lived))
    assert {"features", "contract"} <= set(ranking.splits)
    assert max(split.gap for split in ranking.splits.values()) < 1e-9
    assert ranking.first.name == "unknown"
    json.dumps(ranking.to_dict())


def test_objectives_are_judged_on_the_days_own_evening_and_scores_that_are_missing_use_the_budget(
    lived: Platform,
) -> None:
    day = last_day(lived)
    found = {(f.signal, f.subject): f for f in report_objectives(lived, [day]).findings[day]}
    assert found["prediction_staleness", "scores"].severity == "ok", "a replay's dates are months old on the wall clock"
    assert found["error_budget", "scores"].severity == "ok"
    pointer = lived.settings.published / "daily_scores" / day.isoformat() / "pointer.json"
    pointer.unlink()
    broken = {(f.signal, f.subject): f for f in report_objectives(lived, [day]).findings[day]}
    assert broken["error_budget", "scores"].severity == "critical"
    assert broken["error_budget", "scores"].acts


def test_churn_changed_answers_by_theme_and_refuses_days_in_the_wrong_order(lived: Platform) -> None:
    report_objectives(lived, [lived.calendar.live_from, last_day(lived)])
    first, second = (lived.calendar.live_from + timedelta(7)).isoformat(), last_day(lived).isoformat()
    changes = answer(churn(lived.settings.home, "changed", "--from", first, "--to", second, "--json"))
    assert {"data", "schema", "features", "code", "dependencies", "model", "policy"} <= set(changes)
    assert changes["policy"]["changes"] == []
    assert changes["data"]["seen_by"] == "churn-1"
    assert churn(lived.settings.home, "changed", "--from", second, "--to", first).returncode == 2
