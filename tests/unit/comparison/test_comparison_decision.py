"""Who wins: an equal one ties, a worse one is kept out, a better one wins; and nothing that does not count decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_contenders import POLICY, Holdout

from churn_platform.evaluation.comparison import (
    Comparison,
    ComparisonRows,
    compare,
    comparison_decision,
    comparison_gate,
    same_rows,
)
from churn_platform.evaluation.comparison.decision import ComparisonDecision
from churn_platform.evaluation.gate import GateDecision


def decided(holdout: Holdout, comparison: Comparison) -> ComparisonDecision:
    return comparison_decision(comparison, comparison_gate(holdout.rows, comparison, POLICY), POLICY)


def outcomes(champion: dict[str, float], challenger: dict[str, float], tries: int) -> list[str]:
    found = []
    for seed in range(tries):
        holdout = Holdout(seed)
        one, other = holdout.model("churn-1", **champion), holdout.model("churn-2", **challenger)
        found.append(decided(holdout, holdout.compared(one, other)).outcome)
    return found


def test_an_equal_challenger_is_a_tie_in_at_least_95_of_100() -> None:
    assert outcomes({}, {}, 100).count("tie") >= 95


@pytest.mark.parametrize("noise", [0.7])
def test_a_worse_challenger_is_kept_out_in_100_of_100(noise: float) -> None:
    assert "wins" not in outcomes({}, {"noise": noise}, 100)


def test_a_worse_challenger_is_kept_out_however_quick_and_small_it_is() -> None:
    quick = {"noise": 0.8, "milliseconds": 0.001, "megabytes": 0.01}
    assert "wins" not in outcomes({"milliseconds": 30.0, "megabytes": 50.0}, quick, 30)


def test_a_clearly_better_challenger_wins() -> None:
    assert outcomes({"noise": 1.2}, {}, 40).count("wins") >= 36


def test_a_clearly_worse_challenger_loses_and_is_not_merely_tied() -> None:
    assert outcomes({}, {"noise": 1.2}, 40).count("loses") >= 36


def test_half_the_time_and_size_neither_win_nor_lose_among_models_that_are_quick_and_small_anyway() -> None:
    """The noise of a timer must not decide: with the champion's own figure as the measure, it would (see the control)."""
    quick = {"milliseconds": 0.05, "megabytes": 0.5}
    assert outcomes({}, quick, 40).count("tie") >= 38


def test_control_without_a_floor_half_the_time_and_size_move_the_score_by_all_that_they_may() -> None:
    holdout = Holdout(1)
    one, other = holdout.model("churn-1"), holdout.model("churn-2", milliseconds=0.05, megabytes=0.5)
    with_floor = holdout.compared(one, other)
    bare = POLICY.model_copy(update={"latency_floor": POLICY.latency_floor / 1e6, "size_floor": 1e-6})
    without = compare(one, other, holdout.rows, holdout.worth, bare, np.random.default_rng(7))
    gained = without.score.value - with_floor.score.value
    assert gained == pytest.approx((POLICY.weights.latency + POLICY.weights.size) * POLICY.clip, abs=0.005)
    assert gained > POLICY.min_gain


def test_a_ranking_that_is_better_beyond_chance_is_no_tie_for_the_noise_of_f1() -> None:
    """The score's interval may reach below zero; AUC's and DeLong's test show that the gain is none."""
    seen = 0
    for seed in range(40):
        holdout = Holdout(seed)
        one, other = holdout.model("churn-1", noise=0.8), holdout.model("churn-2")
        comparison = holdout.compared(one, other)
        decision = decided(holdout, comparison)
        no_chance = comparison.delong_p <= 1.0 - POLICY.score_confidence and comparison.auc.difference.low > 0.0
        if comparison.score.value >= POLICY.min_gain and comparison.score.low <= 0.0:
            worth = comparison.value.difference.value >= -POLICY.max_value_loss * abs(comparison.value.champion.value)
            assert (decision.outcome == "wins") == (no_chance and worth)
            seen += decision.outcome == "wins"
    assert seen


def test_a_model_that_is_really_slower_pays_for_it() -> None:
    holdout = Holdout(1)
    one, other = holdout.model("churn-1", milliseconds=100.0), holdout.model("churn-2", milliseconds=150.0)
    comparison = holdout.compared(one, other)
    assert comparison.latency_saving == pytest.approx(-0.5)
    again = holdout.compared(one, replace(other, milliseconds=100.0))
    clipped = POLICY.weights.latency * POLICY.clip
    assert again.score.value - comparison.score.value == pytest.approx(clipped)


def test_a_challenger_that_ranks_better_and_lists_no_leaver_does_not_win() -> None:
    """Better everywhere but in the tenth that is contacted: AUC and F1 may rise, the money falls, and that decides."""
    holdout = Holdout(3, rows=4_000)
    champion = holdout.model("churn-1", noise=1.5)
    best = holdout.model("churn-2", noise=0.0)
    churned = holdout.rows.frame["churned"].to_numpy() == 1
    probability = best.probability.copy()
    stayers = np.flatnonzero(~churned)[: len(churned) // 10]
    probability[stayers] = 0.999
    challenger = replace(best, probability=probability)
    comparison = holdout.compared(champion, challenger)
    decision = decided(holdout, comparison)
    assert comparison.value.difference.value < 0
    assert decision.outcome != "wins"
    assert any("USD less" in reason for reason in decision.reasons)


def test_missing_every_leaver_loses_however_it_is_otherwise() -> None:
    holdout = Holdout(4)
    churned = holdout.rows.frame["churned"].to_numpy() == 1
    misses = replace(holdout.model("churn-2"), probability=np.where(churned, 0.05, 0.9))
    assert decided(holdout, holdout.compared(holdout.model("churn-1"), misses)).outcome == "loses"


def test_too_few_rows_or_leavers_are_inconclusive_and_block() -> None:
    holdout = Holdout(5, rows=300)
    gate = comparison_gate(holdout.rows, None, POLICY)
    assert gate.verdict == "inconclusive"
    decision = comparison_decision(None, gate, POLICY)
    assert decision.outcome == "blocked"
    assert "500 are needed" in decision.reasons[0]


def test_a_row_that_a_model_was_trained_on_fails_the_gate_whatever_the_figures_say() -> None:
    holdout = Holdout(6)
    comparison = holdout.compared(holdout.model("churn-1", noise=1.5), holdout.model("churn-2", noise=0.0))
    assert decided(holdout, comparison).outcome == "wins"
    leaked = ComparisonRows(holdout.rows.frame, removed=0, leaked=1)
    gate = comparison_gate(leaked, comparison, POLICY)
    assert gate.verdict == "fail"
    assert comparison_decision(comparison, gate, POLICY).outcome == "blocked"


def test_rows_that_the_champion_learned_from_are_left_out_and_counted() -> None:
    frame = Holdout(7).rows.frame
    known = frame[["customer_id", "observation_date"]].iloc[:400]
    rows = same_rows(frame, known, known.iloc[:0])
    assert (len(rows), rows.removed, rows.leaked) == (len(frame) - 400, 400, 0)
    assert not set(rows.frame["customer_id"]) & set(known["customer_id"])


def test_rows_that_the_challenger_itself_learned_from_are_a_leak() -> None:
    frame = Holdout(8).rows.frame
    known = frame[["customer_id", "observation_date"]].iloc[:3]
    assert same_rows(frame, known.iloc[:0], known).leaked == 3


def test_the_same_customer_a_month_earlier_is_another_row() -> None:
    frame = Holdout(9).rows.frame
    earlier = frame.assign(observation_date=frame["observation_date"] - np.timedelta64(30, "D"))
    rows = same_rows(frame, earlier, earlier)
    assert (rows.removed, rows.leaked) == (0, 0)


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_latency_that_is_no_figure_fails_the_gate(figure: float) -> None:
    holdout = Holdout(10)
    comparison = holdout.compared(holdout.model("churn-1"), holdout.model("churn-2"))
    broken = replace(comparison, challenger=replace(comparison.challenger, milliseconds=figure))
    assert comparison_gate(holdout.rows, broken, POLICY).verdict == "fail"


@pytest.mark.parametrize("name", ["auc", "f1", "value", "score"])
def test_a_missing_or_nan_figure_fails_the_gate(name: str) -> None:
    holdout = Holdout(11)
    comparison = holdout.compared(holdout.model("churn-1"), holdout.model("churn-2"))
    if name == "score":
        broken = replace(comparison, score=replace(comparison.score, low=float("nan")))
    else:
        paired = getattr(comparison, name)
        broken = replace(
            comparison, **{name: replace(paired, difference=replace(paired.difference, value=float("nan")))}
        )
    gate = comparison_gate(holdout.rows, broken, POLICY)
    assert gate.verdict == "fail"
    assert comparison_decision(broken, gate, POLICY).outcome == "blocked"


def test_figures_from_other_rows_fail_the_gate() -> None:
    holdout = Holdout(12)
    comparison = holdout.compared(holdout.model("churn-1"), holdout.model("churn-2"))
    elsewhere = replace(comparison, f1=replace(comparison.f1, champion=replace(comparison.f1.champion, rows=99)))
    assert comparison_gate(holdout.rows, elsewhere, POLICY).verdict == "fail"


def test_a_verdict_of_another_gate_or_an_edited_one_opens_nothing() -> None:
    holdout = Holdout(13)
    comparison = holdout.compared(holdout.model("churn-1", noise=1.5), holdout.model("churn-2", noise=0.0))
    gate = comparison_gate(holdout.rows, comparison, POLICY)
    assert comparison_decision(comparison, replace(gate, gate="evaluation"), POLICY).outcome == "blocked"
    failed = tuple(replace(check, verdict="fail") for check in gate.checks)
    assert comparison_decision(comparison, GateDecision("comparison", "pass", failed), POLICY).outcome == "blocked"
