"""E-detectors on early outcomes: an e-process stays fair, false alarms keep their distance, changes are noticed before outcomes mature."""

from __future__ import annotations

from datetime import timedelta

import made_days as made
import numpy as np
import pandas as pd
import pytest

from churn_platform.drift import sequential
from churn_platform.drift.baseline import Baseline
from churn_platform.drift.early import early_drift
from churn_platform.drift.finding import Finding

DAYS, PER_DAY, CHANGE = 75, 120, 45


@pytest.fixture(scope="module")
def known() -> Baseline:
    return made.baseline(np.random.default_rng(1))


def early(known: Baseline, rows: pd.DataFrame, last: int = DAYS - 1, **more: object) -> dict[int, dict[str, Finding]]:
    context = made.context(known, rows, 20, last, **more)  # type: ignore[arg-type]
    found = early_drift(context, {})
    return {(day - made.LIVE_FROM).days: {f.signal: f for f in findings} for day, findings in found.items()}


def first_alarm(found: dict[int, dict[str, Finding]], signal: str) -> int | None:
    return next((day for day, findings in sorted(found.items()) if findings[signal].acts), None)


def more_leave(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows["truth"] = np.minimum(2.2 * rows["probability"], 0.95)
    return rows


def fewer_leave(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows["truth"] = 0.3 * rows["probability"]
    return rows


def others_leave(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows["truth"] = rng.permutation(rows["probability"].to_numpy())
    return rows


def lived(change: made.Change | None, seed: int) -> pd.DataFrame:
    return made.customers(np.random.default_rng(seed), made.LIVE_FROM, DAYS, PER_DAY, change, CHANGE)


@pytest.mark.parametrize("tolerated", [1.0, 1.25])
def test_a_likelihood_ratio_of_counts_has_expectation_one_at_the_edge_of_the_null_and_less_inside(
    tolerated: float,
) -> None:
    rng = np.random.default_rng(0)
    expected = np.full(400_000, 2.0)
    edge, inside = rng.poisson(2.0 * tolerated, 400_000), rng.poisson(2.0, 400_000)
    for k in (0, 2):  # too many, by a little and by more; the larger ones have too heavy a tail to be averaged
        at_edge = np.exp(sequential.rate_log_ratios(edge.astype(float), expected, tolerated)[k])
        within = np.exp(sequential.rate_log_ratios(inside.astype(float), expected, tolerated)[k])
        assert at_edge.mean() == pytest.approx(1.0, abs=6 * at_edge.std() / np.sqrt(len(edge)) + 1e-3)
        assert within.mean() <= 1.0 + 6 * within.std() / np.sqrt(len(edge))


def test_the_ranking_ratio_averages_to_one_over_who_could_have_left() -> None:
    scores = np.log([0.5, 0.2, 0.05, 0.01])
    chances = np.exp(scores) ** 0.75
    chances /= chances.sum()
    ratios = np.exp([sequential.ranking_log_ratios(scores, np.array([k]), 0.75)[:, 0] for k in range(4)])
    assert np.allclose((chances[:, None] * ratios).sum(axis=0), 1.0)


def test_more_leavers_in_the_same_order_are_no_evidence_about_the_ranking() -> None:
    rng = np.random.default_rng(4)
    scores = rng.uniform(0.05, 0.6, 400)
    values = []
    for times in (1.0, 1.6):
        left = np.flatnonzero(rng.random(400) < times * scores)
        order = rng.permutation(left)
        values.append(sequential.ranking_log_ratios(np.log(scores), order, 0.75).sum(axis=1).max())
    assert max(values) < np.log(20)


def test_calm_days_raise_no_alarm_in_many_lives(known: Baseline) -> None:
    for seed in range(6):
        found = early(known, lived(None, 100 + seed))
        assert first_alarm(found, "label_drift") is None
        assert first_alarm(found, "concept_drift") is None


@pytest.mark.parametrize(
    ("change", "signal"), [(more_leave, "label_drift"), (fewer_leave, "label_drift"), (others_leave, "concept_drift")]
)
def test_a_change_is_noticed_well_before_its_outcomes_mature(known: Baseline, change: made.Change, signal: str) -> None:
    days = [first_alarm(early(known, lived(change, seed)), signal) for seed in (1, 2, 3)]
    assert all(day is not None and CHANGE <= day < CHANGE + 25 for day in days), days


def test_more_leavers_are_label_drift_and_no_concept_drift(known: Baseline) -> None:
    assert first_alarm(early(known, lived(more_leave, 1)), "concept_drift") is None


def test_departures_that_were_held_back_and_then_delivered_are_no_drift(known: Baseline) -> None:
    rows = lived(None, 5)
    outage = [made.LIVE_FROM + timedelta(k) for k in range(40, 60)]
    held = rows["churn_known_at"].isin(pd.to_datetime(outage))
    rows.loc[held, "churn_known_at"] = pd.Timestamp(made.LIVE_FROM + timedelta(60))
    blind = early(known, rows)
    assert first_alarm(blind, "label_drift") is not None  # the control: not knowing of the outage, it alarms
    told = early(known, rows, late={"churn_events": frozenset(outage)})
    assert first_alarm(told, "label_drift") is None


@pytest.mark.parametrize("last", [20, 29, 30, 31])
def test_the_first_month_of_a_champion_is_judged_too(known: Baseline, last: int) -> None:
    found = early(known, lived(None, 1), last)
    assert {f.severity for f in found[last].values()} == {"ok"}


def test_without_scores_the_verdict_is_insufficient_data(known: Baseline) -> None:
    found = early(known, lived(None, 1).iloc[:0])
    assert {f.severity for findings in found.values() for f in findings.values()} == {"insufficient_data"}
