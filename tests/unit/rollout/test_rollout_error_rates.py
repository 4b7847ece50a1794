"""The errors that a rollout may make are those that were declared: over a thousand rollouts and four thousand tests of equal models."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from rollouts import LEVEL, START, at_stage, plan

from churn_platform.rollout.ab_test import judge_outcomes
from churn_platform.rollout.decision import decide
from churn_platform.rollout.evidence import Arms, Evidence, Measure
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import Event, after
from churn_platform.rollout.sequential import NORMAL, always_valid_bound, boundary, chi_squared_p, crossing, z_of_rates

ROLLOUTS, TESTS, LOOKS = 1_000, 4_000, 14
TICK = timedelta(minutes=30)
REQUESTS = 6_000  # a tick, all customers: three a second
SPREAD = 1.1  # standard error of a difference of estimated AUC is SPREAD / sqrt(rows): 0.05 at some 480 requests


def live(agreed: Plan, rng: np.random.Generator, loss: float = 0.0) -> tuple[str, int]:
    """How a canary ends whose challenger's true AUC is lower by `loss`, with each measure drawn anew; and in which stage."""
    progress, now = at_stage(agreed, 0), START
    errors = requests = 0
    drift = information = 0.0
    while not progress.over:
        now += TICK
        weight = 1.0 if progress.phase == "watching" else agreed.stages[progress.stage].weight
        more = int(REQUESTS * weight)
        requests, errors = requests + more, errors + int(rng.binomial(more, 0.001))
        gained = more / SPREAD**2
        information += gained
        drift += rng.normal(loss * gained, np.sqrt(gained))
        measures = {
            "error_rate": Measure(errors / requests, requests, now),
            "p99": Measure(float(rng.normal(0.025, 0.002)), requests, now),
            "slowdown": Measure(float(rng.normal(0, 1.25 * 0.5 / np.sqrt(requests))), requests, now),
            "score_shift": Measure(float(rng.chisquare(9)) / (2 * requests), requests, now),
            "auc_degradation": Measure(drift / information, requests, now, information**-0.5),
        }
        decided = decide(Evidence(agreed.digest, progress.stage, measures), agreed, progress, now)
        kind = {
            "advance": "advanced",
            "complete": "finished" if progress.phase == "watching" else "promoted",
            "rollback": "rolled_back",
            "hold": None,
        }[decided.action]
        if kind is not None:
            stage = progress.stage
            progress = after(agreed, progress, Event(kind, now, "service:test", decided.reasons))  # type: ignore[arg-type]
            if progress.over:
                return progress.phase, stage
            if progress.phase == "watching":
                return "promoted", stage
    raise AssertionError("unreachable")


def test_of_a_thousand_equal_challengers_no_more_are_sent_back_than_declared() -> None:
    agreed = plan()
    rng = np.random.default_rng(20260601)
    ends = [live(agreed, rng)[0] for _ in range(ROLLOUTS)]
    sent_back = ends.count("rolled_back")
    assert sent_back <= LEVEL * ROLLOUTS, sent_back
    assert ends.count("promoted") == ROLLOUTS - sent_back


def test_a_challenger_that_lost_a_tenth_of_auc_never_reaches_a_quarter_of_the_customers() -> None:
    agreed = plan()
    rng = np.random.default_rng(7)
    ended = [live(agreed, rng, loss=0.10) for _ in range(60)]
    assert all(end == "rolled_back" for end, _ in ended)
    assert all(agreed.stages[stage].weight < 0.25 for _, stage in ended)


@pytest.mark.parametrize("error", [0.2, 0.05, 0.01])
def test_an_estimate_that_is_looked_at_at_every_step_crosses_its_bound_no_more_often_than_declared(
    error: float,
) -> None:
    rng = np.random.default_rng(3)
    steps = 1 / np.linspace(0.3, error / 3, 400) ** 2  # information after each look
    gains = np.diff(steps, prepend=0.0)
    bounds = np.array([always_valid_bound(one**-0.5, 0.05, LEVEL) for one in steps])
    sums = np.cumsum(rng.normal(size=(2_000, 400)) * np.sqrt(gains), axis=1)
    crossed = (sums / steps > bounds).any(axis=1)
    assert crossed.mean() <= LEVEL
    naive = (sums / steps > -NORMAL.inv_cdf(LEVEL) / np.sqrt(steps)).any(axis=1)
    assert naive.mean() > 3 * LEVEL  # the control: a fixed bound looked at as often


def looked_at_daily(base: float, effect: float, per_arm: int, rng: np.random.Generator) -> np.ndarray:
    """Counts of those who left in 4,000 tests after each of 14 looks, (tests, looks, arms): champion, challenger."""
    each = np.diff(np.linspace(0, per_arm, LOOKS + 1).astype(int))
    lost = np.stack([rng.binomial(each, rate, (TESTS, LOOKS)) for rate in (base, base - effect)], axis=2)
    return lost.cumsum(axis=1)


def won(counts: np.ndarray, per_arm: int, alpha: float, min_sample: int) -> np.ndarray:
    """Which tests the challenger won at any look, as `judge_outcomes` decides."""
    known = np.linspace(0, per_arm, LOOKS + 1).astype(int)[1:]
    pooled = counts.sum(axis=2) / (2 * known)
    z = (counts[:, :, 0] - counts[:, :, 1]) / known / np.sqrt(pooled * (1 - pooled) * 2 / known)
    bounds = np.array([boundary(n / per_arm, alpha) if n >= min_sample else np.inf for n in known])
    first = np.where((np.abs(z) >= bounds).any(axis=1), (np.abs(z) >= bounds).argmax(axis=1), LOOKS - 1)
    at_end = np.take_along_axis(z, first[:, None], axis=1)[:, 0]
    return at_end >= bounds[first]


def test_four_thousand_equal_tests_looked_at_daily_win_falsely_in_at_most_five_of_a_hundred() -> None:
    agreed = plan("ab_test")
    test = agreed.outcome_test
    assert test is not None
    assert test.outcomes_per_arm >= test.min_sample
    rng = np.random.default_rng(11)
    equal = looked_at_daily(0.265, 0.0, test.outcomes_per_arm, rng)
    false = won(equal, test.outcomes_per_arm, test.alpha, test.min_sample).mean()
    assert false <= test.alpha
    known = np.linspace(0, test.outcomes_per_arm, LOOKS + 1).astype(int)[1:]
    pooled = equal.sum(axis=2) / (2 * known)
    z = (equal[:, :, 0] - equal[:, :, 1]) / known / np.sqrt(pooled * (1 - pooled) * 2 / known)
    assert (np.abs(z) > 1.96).any(axis=1).mean() > 0.15  # the control: a fixed test looked at daily
    real = looked_at_daily(0.265, test.minimum_detectable_effect, test.outcomes_per_arm, rng)
    assert won(real, test.outcomes_per_arm, test.alpha, test.min_sample).mean() >= test.power


def test_the_vectorised_judge_is_the_platforms_own() -> None:
    agreed = plan("ab_test")
    test = agreed.outcome_test
    assert test is not None
    counts = looked_at_daily(0.265, 0.03, test.outcomes_per_arm, np.random.default_rng(2))[:200]
    expected = won(counts, test.outcomes_per_arm, test.alpha, test.min_sample)
    known = np.linspace(0, test.outcomes_per_arm, LOOKS + 1).astype(int)[1:]
    for one, wins in zip(counts.tolist(), expected, strict=True):
        verdict = "inconclusive"
        for day, (left, left_challenger) in enumerate(one):
            now = START + timedelta(days=day + 1)
            arms = Arms(1500, 1500, int(known[day]), int(known[day]), left, left_challenger, now)
            verdict = judge_outcomes(Evidence(agreed.digest, 0, {}, arms), "", agreed, START, now).verdict
            if verdict != "inconclusive":
                break
        assert (verdict == "pass") == bool(wins)
        assert verdict != "inconclusive"


def test_z_and_chi_squared_are_scipys() -> None:
    from scipy import stats

    rng = np.random.default_rng(5)
    for _ in range(50):
        n, m = rng.integers(50, 3000, 2)
        a, b = int(rng.integers(1, n)), int(rng.integers(1, m))
        oracle = stats.chi2_contingency([[a, n - a], [b, m - b]], correction=False)
        z = z_of_rates(a, int(n), b, int(m))
        assert z * z == pytest.approx(oracle.statistic, rel=1e-9)
        assert chi_squared_p(z * z) == pytest.approx(oracle.pvalue, rel=1e-6, abs=1e-300)


def test_the_crossing_bound_holds_for_a_walk_looked_at_at_every_step() -> None:
    walks = np.random.default_rng(1).normal(size=(4_000, 500)).cumsum(axis=1) / np.sqrt(500)
    share = (np.abs(walks) > crossing(0.05)).any(axis=1).mean()
    assert 0.02 < share <= 0.05


def test_a_broken_assignment_and_too_small_a_sample_decide_nothing() -> None:
    agreed = plan("ab_test")
    now = START + timedelta(days=3)

    def verdict(**changes: int) -> tuple[str, str]:
        counts = {
            "champion": 2000, "challenger": 2000, "champion_outcomes": 1300, "challenger_outcomes": 1300,
            "champion_churned": 400, "challenger_churned": 200,
        } | changes  # fmt: skip
        check = judge_outcomes(Evidence(agreed.digest, 0, {}, Arms(**counts, at=now)), "", agreed, START, now)
        return check.verdict, check.reason

    assert verdict()[0] == "pass"  # the control
    assert "the assignment is broken" in verdict(champion=2400)[1]
    assert "999 in the smaller arm, fewer than 1,000" in verdict(challenger_outcomes=999)[1]
    assert "contradict each other" in verdict(challenger_churned=1400)[1]
    assert verdict(champion_churned=200, challenger_churned=400)[0] == "fail"
    assert verdict(champion_churned=300, challenger_churned=300)[0] == "inconclusive"
    assert verdict(champion=2400)[0] == verdict(challenger_outcomes=999)[0] == "inconclusive"
