"""Drift on made customers: calm days are quiet, each planted change is found by the kind that it is, too few rows say so."""

from __future__ import annotations

from datetime import date, timedelta

import made_days as made
import numpy as np
import pandas as pd
import pytest

from churn_platform.drift.baseline import Baseline
from churn_platform.drift.finding import Finding
from churn_platform.drift.findings import judge_drift
from churn_platform.policies.monitoring import AnnouncedEventPolicy, DriftCalendarPolicy

PER_DAY = 60


@pytest.fixture(scope="module")
def known() -> Baseline:
    return made.baseline(np.random.default_rng(1))


def judged(
    known: Baseline, rows: pd.DataFrame, first: int = 40, last: int = 59, **more: object
) -> dict[date, tuple[Finding, ...]]:
    return dict(judge_drift(made.context(known, rows, first, last, **more)).findings)  # type: ignore[arg-type]


def lived(change: made.Change | None = None, seed: int = 7, since: int = 45) -> pd.DataFrame:
    return made.customers(np.random.default_rng(seed), made.LIVE_FROM, 60, PER_DAY, change, since)


def acting(found: dict[date, tuple[Finding, ...]]) -> set[tuple[str, str]]:
    return {(finding.signal, finding.subject) for findings in found.values() for finding in findings if finding.acts}


def dearer(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    fibre = rows["internet_service"] == "Fiber optic"
    rows.loc[fibre, "monthly_charges"] *= 1.4
    return rows


def other_contracts(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows["contract"] = rng.choice(["Month-to-month", "One year", "Two year"], len(rows), p=[0.15, 0.25, 0.6])
    rows["probability"] = rows["probability"] * 0.3
    rows["truth"] = rows["probability"]
    return rows


def one_off(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    first = rows["observation_date"].min()
    return dearer(rows, rng).where(rows["observation_date"] == first, rows)


def bought_out(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    safe = rows["contract"] != "Month-to-month"
    rows.loc[safe, "truth"] = 0.45
    return rows


def test_calm_days_ask_for_nothing(known: Baseline) -> None:
    found = judged(known, lived())
    assert acting(found) == set()
    assert all(findings for findings in found.values())


def test_every_kind_answers_every_day(known: Baseline) -> None:
    for findings in judged(known, lived()).values():
        assert {finding.signal for finding in findings} == {
            "data_drift", "feature_drift", "prediction_drift", "label_drift", "concept_drift",
        }  # fmt: skip


def test_a_price_rise_shows_first_among_the_changes_then_in_the_base(known: Baseline) -> None:
    found = judged(known, lived(dearer))
    first_day = {}
    for day, findings in found.items():
        for finding in findings:
            if finding.acts:
                first_day.setdefault(finding.subject, (day - made.LIVE_FROM).days)
    assert first_day["change.monthly_charges"] <= 47
    assert first_day["monthly_charges"] > first_day["change.monthly_charges"]


def test_another_mix_of_contracts_moves_data_and_scores(known: Baseline) -> None:
    signals = {signal for signal, _ in acting(judged(known, lived(other_contracts)))}
    assert {"data_drift", "prediction_drift"} <= signals


def test_feature_drift_inside_data_drift_is_shown_and_does_not_act_twice(known: Baseline) -> None:
    found = judged(known, lived(other_contracts))[made.LIVE_FROM + timedelta(59)]
    data = next(f for f in found if (f.signal, f.subject) == ("data_drift", "contract"))
    feature = next(f for f in found if (f.signal, f.subject) == ("feature_drift", "contract"))
    assert data.acts
    assert feature.violates
    assert not feature.acts
    assert feature.evidence["inside"] == "data_drift"


def test_customers_who_leave_otherwise_than_scored_are_concept_drift_and_not_data_drift(known: Baseline) -> None:
    signals = {signal for signal, _ in acting(judged(known, lived(bought_out)))}
    assert "concept_drift" in signals
    assert "data_drift" not in signals


def test_judging_a_day_alone_says_what_judging_the_range_said(known: Baseline) -> None:
    rows = lived(dearer)
    in_range = judged(known, rows)
    for k in (44, 47, 59):
        day = made.LIVE_FROM + timedelta(k)
        assert judged(known, rows, k, k)[day] == in_range[day]


def test_the_future_changes_nothing_that_was_said_before(known: Baseline) -> None:
    rows = lived(bought_out)
    day = made.LIVE_FROM + timedelta(50)
    until_then = rows[rows["observation_date"] <= pd.Timestamp(day)].copy()
    later = until_then["churn_known_at"] > pd.Timestamp(day)
    until_then.loc[later, ["churned_on", "churn_known_at"]] = pd.NaT
    assert judged(known, until_then, 50, 50)[day] == judged(known, rows, 50, 50)[day]


@pytest.mark.parametrize("per_day", [0, 1, 4])
def test_too_few_rows_are_a_verdict_of_their_own(known: Baseline, per_day: int) -> None:
    rows = made.customers(np.random.default_rng(2), made.LIVE_FROM, 60, max(per_day, 1), dearer, 0)
    rows = rows if per_day else rows.iloc[:0]
    found = judged(known, rows)
    assert acting({day: tuple(f for f in fs if f.signal == "data_drift") for day, fs in found.items()}) == set()
    said = {f.severity for fs in found.values() for f in fs if f.signal in ("data_drift", "prediction_drift")}
    assert said == {"insufficient_data"}


def test_one_day_of_change_does_not_persist(known: Baseline) -> None:
    def one_wild_window(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        wild = rows["observation_date"] == rows["observation_date"].min()
        rows.loc[wild, "monthly_charges"] = 500.0
        return rows

    few = made.POLICY.model_copy(
        update={"window": made.POLICY.window.model_copy(update={"length": timedelta(1), "min_rows": 50})}
    )
    found = judged(known, lived(one_wild_window), policy=few)
    violating = {f.subject for fs in found.values() for f in fs if f.violates and f.signal == "data_drift"}
    assert "monthly_charges" in violating  # the control: it is seen
    assert ("data_drift", "monthly_charges") not in acting(found)


def all_repriced(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows["monthly_charges"] *= 1.05
    return rows


@pytest.mark.parametrize(("per_day", "noticed"), [(260, 0), (PER_DAY, 1)])
def test_what_one_day_cannot_show_by_chance_acts_on_that_day(known: Baseline, per_day: int, noticed: int) -> None:
    # with fewer rows a day than a window must have, the day alone says nothing and the change waits for its window
    rows = made.customers(np.random.default_rng(7), made.LIVE_FROM, 50, per_day, all_repriced, 45)
    days = [
        (day - made.LIVE_FROM).days
        for day, findings in judged(known, rows, 40, 49).items()
        for one in findings
        if one.acts and one.subject == "change.monthly_charges"
    ]
    assert min(days) - 45 == noticed


def test_a_day_alone_is_quiet_in_calm_times(known: Baseline) -> None:
    rows = made.customers(np.random.default_rng(11), made.LIVE_FROM, 60, 260)
    assert acting(judged(known, rows, 20, 59)) == set()


def test_a_late_feed_explains_what_moved_in_its_window(known: Baseline) -> None:
    late = {"customers": frozenset({made.LIVE_FROM + timedelta(46)})}
    found = judged(known, lived(dearer), 44, 52, late=late)
    assert {s for s, subject in acting(found) if "charges" in subject} == set()
    why = [f for fs in found.values() for f in fs if f.subject == "monthly_charges" and "explained_by" in f.evidence]
    assert why
    assert why[0].evidence["explained_by"] == ["customers"]


def test_an_announced_event_is_shown_and_does_not_act(known: Baseline) -> None:
    event = AnnouncedEventPolicy(
        name="new price list", first=made.LIVE_FROM + timedelta(45), last=made.LIVE_FROM + timedelta(60),
        signals=("data_drift", "feature_drift"), subjects=("monthly_charges",),
    )  # fmt: skip
    policy = made.POLICY.model_copy(update={"calendar": DriftCalendarPolicy(events=(event,))})
    found = judged(known, lived(dearer), policy=policy)
    assert not any("charges" in subject for _, subject in acting(found))
    assert any("announced: new price list" in f.reason for fs in found.values() for f in fs)


def test_findings_come_in_the_order_of_their_importance(known: Baseline) -> None:
    last = judged(known, lived(other_contracts))[made.LIVE_FROM + timedelta(59)]
    assert last[0].acts
    assert [f.acts for f in last] == sorted((f.acts for f in last), reverse=True)


def test_findings_survive_being_recorded(known: Baseline) -> None:
    for findings in judged(known, lived(dearer)).values():
        for finding in findings:
            assert Finding.from_dict(finding.to_dict()) == finding


@pytest.mark.parametrize("rows", [50, 100, 250, 500, 1000])
def test_false_alarms_of_calm_windows_are_within_the_declared_level(known: Baseline, rows: int) -> None:
    windows = 20
    alarms = 0
    for k in range(windows):
        calm = made.customers(np.random.default_rng(1_000 + k), made.LIVE_FROM, 1, rows)
        context = made.context(known, calm, 0, 0)
        found = judge_drift(context).findings[made.LIVE_FROM]
        kinds = ("data_drift", "feature_drift", "prediction_drift")
        alarms += any(f.violates for f in found if f.signal in kinds)
        if rows < made.POLICY.window.min_rows:
            assert all(f.severity == "insufficient_data" for f in found if f.signal in kinds)
    assert alarms / windows <= made.POLICY.false_discovery_rate + 1e-9
