"""What happens next follows from the plan, where it stands, and what is known; and unknown never advances."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, product
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollouts import POLICY, START, STRATEGIES, at_stage, due, good, plan, started

from churn_platform.rollout.decision import decide
from churn_platform.rollout.evidence import Arms, Evidence, Measure, collected
from churn_platform.rollout.plan import Plan, PlanError, Stage, Strategy
from churn_platform.rollout.progress import Event, Progress, ProgressError, after, replay, stage_of, weight_of
from churn_platform.rollout.strategies import strategy_for

MINUTE = timedelta(minutes=1)
stages = [(name, stage) for name in STRATEGIES for stage in range(len(plan(name).stages) + 1)]
numbers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 1)
measures = st.dictionaries(
    st.sampled_from(["error_rate", "p99", "score_shift", "auc_degradation", "latency_increase", "auc_gain", "f1_gain", "healthy"]),
    st.builds(
        Measure,
        numbers,
        st.integers(0, 5000),
        st.integers(-3000, 100).map(lambda minutes: START + timedelta(days=8, minutes=minutes)),
        st.floats(0, 0.2),
    ),
)  # fmt: skip


@pytest.mark.parametrize(("strategy", "stage"), stages)
def test_good_evidence_goes_on_once_the_stage_is_over_and_not_before(strategy: Strategy, stage: int) -> None:
    agreed = plan(strategy)
    over = due(agreed, stage)
    progress = at_stage(agreed, stage)
    decided = decide(good(agreed, stage, over), agreed, progress, over)
    assert decided.action == ("advance" if stage < len(agreed.stages) - 1 else "complete")
    current = stage_of(agreed, progress)
    if current.dwell and not current.decides_early:
        early = over - timedelta(seconds=1)
        waiting = decide(good(agreed, stage, early), agreed, progress, early)
        assert waiting.action == "hold"
        assert "lasts 0:00:01 longer" in waiting.reasons[0]


OUTAGES = ("missing", "nan", "inf", "empty", "stale", "no traffic", "one arm", "exception", "slow", "duplicated")


def outage(kind: str, agreed: Plan, stage: int, name: str) -> Evidence | None:
    """Good evidence of a stage that is over, with one metric broken as `kind` says."""
    over = due(agreed, stage)
    known = good(agreed, stage, over)
    told = dict(known.measures)
    arms = known.arms
    if kind == "exception":
        return None
    if kind == "no traffic":
        return replace(known, measures={key: replace(one, rows=0) for key, one in told.items()}, arms=None)
    if name == "outcomes":
        assert arms is not None
        broken = {
            "missing": None,
            "nan": replace(arms, challenger_churned=nan),  # type: ignore[arg-type]
            "inf": replace(arms, challenger_outcomes=inf, challenger=inf),  # type: ignore[arg-type]
            "empty": Arms(0, 0, 0, 0, 0, 0, over),
            "stale": replace(arms, at=over - agreed.limits.stale_after - timedelta(hours=1)),
            "one arm": replace(arms, champion=0, champion_outcomes=0, champion_churned=0),
            "slow": replace(arms, at=over - agreed.limits.stale_after - MINUTE),
            "duplicated": replace(
                arms, challenger=2 * arms.challenger, challenger_outcomes=2 * arms.challenger_outcomes
            ),
        }
        return replace(known, arms=broken[kind])
    if kind in ("missing", "one arm"):
        del told[name]
    elif kind == "duplicated":
        return collected(agreed.digest, stage, [*told.items(), (name, told[name])], arms)
    else:
        one = told[name]
        told[name] = {
            "nan": replace(one, value=nan),
            "inf": replace(one, value=inf),
            "empty": replace(one, rows=0),
            "stale": replace(one, at=over - agreed.limits.stale_after - timedelta(hours=1)),
            "slow": replace(one, at=over - agreed.limits.stale_after - MINUTE),
        }[kind]
    return replace(known, measures=told)


GATES = {
    "latency_and_errors": ("error_rate", "p99"),
    "latency_errors_metrics": ("error_rate", "p99", "score_shift"),
    "full_metrics": ("error_rate", "p99", "score_shift", "auc_degradation"),
    "shadow_criteria": ("error_rate", "p99", "latency_increase", "auc_gain", "f1_gain"),
    "health": ("healthy",),
    "outcomes": ("error_rate", "p99", "outcomes"),
}


@pytest.mark.parametrize("kind", OUTAGES)
def test_no_outage_of_any_metric_of_any_gate_in_any_stage_advances(kind: str) -> None:
    tried = 0
    for (strategy, stage), evidence in product(stages, ("api", "batch")):
        agreed = plan(strategy, evidence=evidence)
        progress, over = at_stage(agreed, stage), due(agreed, stage)
        assert decide(good(agreed, stage, over), agreed, progress, over).action in (
            "advance",
            "complete",
        )  # the control
        for name in GATES[stage_of(agreed, progress).gate]:
            decided = decide(outage(kind, agreed, stage, name), agreed, progress, over)
            assert decided.action == "hold", (strategy, stage, name)
            assert decided.reasons
            tried += 1
    assert tried == 80


@given(st.sampled_from(stages), measures, st.integers(0, 40 * 24 * 60))
def test_whatever_is_known_nothing_advances_unless_each_of_the_gates_metrics_passed(
    where: tuple[Strategy, int], told: dict[str, Measure], minutes: int
) -> None:
    strategy, stage = where
    agreed = plan(strategy)
    now, progress = START + minutes * MINUTE, at_stage(agreed, stage)
    decided = decide(Evidence(agreed.digest, stage, told), agreed, progress, now)
    assert decided.reasons
    if decided.action in ("advance", "complete"):
        by_name = {check.name: check.verdict for check in decided.checks}
        assert all(by_name[name] == "pass" for name in GATES[stage_of(agreed, progress).gate])
        assert now >= due(agreed, stage)


@pytest.mark.parametrize(("strategy", "stage"), stages)
@pytest.mark.parametrize(
    ("name", "value"), [("error_rate", 0.05), ("p99", 0.9), ("score_shift", 0.5), ("auc_degradation", 0.2)]
)
def test_a_broken_guardrail_rolls_back_in_every_stage_at_once_and_while_a_person_holds(
    strategy: Strategy, stage: int, name: str, value: float
) -> None:
    agreed = plan(strategy)
    soon = START + timedelta(seconds=20)
    known = good(agreed, stage, soon)
    bad = replace(known, measures={**known.measures, name: replace(known.measures[name], value=value)})
    for progress in (
        at_stage(agreed, stage),
        replace(at_stage(agreed, stage), held=START),
        replace(at_stage(agreed, stage), asked=START),
    ):
        decided = decide(bad, agreed, progress, soon)
        assert decided.action == "rollback"
        assert decide(known, agreed, progress, soon).action != "rollback"  # the control


def test_a_loss_of_auc_that_may_be_chance_holds_even_where_the_gate_does_not_ask_for_it() -> None:
    agreed = plan()
    over = due(agreed, 0)
    known = good(agreed, 0, over)
    doubtful = {**known.measures, "auc_degradation": Measure(0.06, 900, over, 0.03)}
    decided = decide(replace(known, measures=doubtful), agreed, at_stage(agreed, 0), over)
    assert decided.action == "hold"
    assert "AUC +0.060 worse (chance: 0.1" in decided.reasons[0]


def test_a_flood_of_errors_does_not_wait_for_five_hundred_requests() -> None:
    agreed = plan()
    for share, rows, action in ((0.2, 60, "rollback"), (0.05, 30, "hold"), (0.0, 60, "hold")):
        known = Evidence(agreed.digest, 0, {"error_rate": Measure(share, rows, START + MINUTE)})
        assert decide(known, agreed, at_stage(agreed, 0), START + MINUTE).action == action


def test_undecided_for_the_hold_budget_rolls_back_or_asks_and_goes_on_holding() -> None:
    for choice, action in (("rollback", "rollback"), ("ask", "hold")):
        agreed = plan(policy=POLICY.model_copy(update={"on_hold_exhausted": choice}))
        over = due(agreed, 0) + agreed.stages[0].hold_budget
        assert decide(None, agreed, at_stage(agreed, 0), over - MINUTE) == replace(
            decide(None, agreed, at_stage(agreed, 0), over - MINUTE), action="hold", ask=False
        )
        decided = decide(None, agreed, at_stage(agreed, 0), over)
        assert (decided.action, decided.ask) == (action, choice == "ask")
        assert "undecided for its hold budget of 1 day" in decided.reasons[0]


def test_after_the_promotion_nobody_is_taken_away_for_want_of_evidence_but_a_person_is_asked() -> None:
    agreed = plan()
    behind = len(agreed.stages)
    late = due(agreed, behind) + agreed.watch.hold_budget
    decided = decide(None, agreed, at_stage(agreed, behind), late)
    assert (decided.action, decided.ask) == ("hold", True)
    known = good(agreed, behind, late)
    bad = replace(known, measures={**known.measures, "error_rate": Measure(0.2, 900, late)})
    assert decide(bad, agreed, at_stage(agreed, behind), late).action == "rollback"  # guardrails go on


def test_without_requests_a_stage_lasts_a_batch_of_its_own_and_asks_for_the_same() -> None:
    requests, batches = plan(), plan(evidence="batch")
    assert [stage.gate for stage in batches.stages] == [stage.gate for stage in requests.stages]
    assert all(stage.dwell >= POLICY.batch.stage for stage in batches.stages)
    assert batches.digest != requests.digest
    assert plan("blue_green", evidence="batch").stages[0].hold_budget == POLICY.blue_green.health_check


def test_a_person_who_holds_stops_the_advance_and_not_the_guardrails_nor_for_ever() -> None:
    agreed = plan()
    over = due(agreed, 0)
    held = replace(at_stage(agreed, 0), held=over)
    assert decide(good(agreed, 0, over), agreed, held, over).action == "hold"
    late = over + agreed.stages[0].hold_budget
    assert decide(good(agreed, 0, late), agreed, held, late).action == "rollback"


def test_a_health_check_that_is_late_by_thirty_seconds_is_taken_back() -> None:
    agreed = plan("blue_green")
    assert decide(None, agreed, at_stage(agreed, 0), START + timedelta(seconds=29)).action == "hold"
    assert decide(None, agreed, at_stage(agreed, 0), START + timedelta(seconds=30)).action == "rollback"


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({}, "complete"),
        ({"auc_gain": 0.0}, "rollback"),
        ({"f1_gain": -0.01}, "rollback"),
        ({"latency_increase": 0.11}, "rollback"),
    ],
)
def test_a_shadow_that_is_not_better_on_all_counts_never_meets_a_customer(
    changes: dict[str, float], action: str
) -> None:
    agreed = plan("shadow")
    assert weight_of(agreed, at_stage(agreed, 0)) == 0
    over = due(agreed, 0)
    known = good(agreed, 0, over)
    told = {name: replace(one, value=changes.get(name, one.value)) for name, one in known.measures.items()}
    decided = decide(replace(known, measures=told), agreed, at_stage(agreed, 0), over)
    assert decided.action == action
    sooner = over - MINUTE
    early = {name: replace(one, at=sooner) for name, one in told.items()}
    assert decide(replace(known, measures=early), agreed, at_stage(agreed, 0), sooner).action == "hold"


def test_evidence_of_another_plan_or_another_stage_is_none() -> None:
    agreed, over = plan(), due(plan(), 0)
    for foreign in (replace(good(agreed, 0, over), plan="x"), replace(good(agreed, 0, over), stage=1)):
        decided = decide(foreign, agreed, at_stage(agreed, 0), over)
        assert decided.action == "hold"
        assert "the evidence is of" in decided.reasons[0]


def test_a_plan_is_frozen_by_its_digest_and_another_candidate_is_another_plan() -> None:
    agreed = plan()
    assert Plan.from_dict(agreed.to_dict()) == agreed
    assert plan("ab_test") == Plan.from_dict(plan("ab_test").to_dict())
    others = [
        plan(challenger="churn-3"),
        plan(package="d" * 64),
        plan(salt="rollout-2"),
        plan(max_score_shift=0.11),
        plan("shadow"),
        replace(agreed, stages=agreed.stages[1:]),
    ]
    assert len({agreed.digest, *(one.digest for one in others)}) == 7


@pytest.mark.parametrize("changes", [{"stages": ()}, {"challenger": "churn-1"}, {"salt": " "}])
def test_a_plan_that_cannot_be_carried_out_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(PlanError):
        replace(plan(), **changes)


def test_weights_never_shrink_on_the_way() -> None:
    agreed = plan()
    assert [stage.weight for stage in agreed.stages] == [0.05, 0.1, 0.25, 0.5]
    with pytest.raises(PlanError, match="must grow"):
        replace(agreed, stages=tuple(reversed(agreed.stages)))
    with pytest.raises(PlanError, match="belong together"):
        replace(agreed, stages=(Stage("x", 0.5, MINUTE, "outcomes", MINUTE),))


events = st.lists(
    st.sampled_from(["advanced", "promoted", "finished", "rolled_back", "held", "resumed", "asked"]), max_size=12
)


@given(events)
def test_no_stage_is_skipped_and_what_is_over_stays_over(kinds: list[str]) -> None:
    agreed = plan()
    progress = started(agreed)
    seen = [progress]
    for number, kind in enumerate(kinds, start=1):
        try:
            progress = after(agreed, progress, Event(kind, START + number * MINUTE, "service:x", ("r",)))  # type: ignore[arg-type]
        except ProgressError:
            continue
        seen.append(progress)
    for before, behind in pairwise(seen):
        assert not before.over
        assert behind.stage - before.stage in (0, 1) or behind.phase == "watching"
        assert behind.entered == before.entered or (behind.stage, behind.phase) != (before.stage, before.phase)
    assert weight_of(agreed, progress) in (0, 0.05, 0.1, 0.25, 0.5, 1)


def test_a_rollout_is_its_events_and_begins_with_being_started() -> None:
    agreed = plan()
    event = Event("advanced", START + MINUTE, "service:x", ("passed",))
    assert started(agreed, event) == Progress("staged", 1, START + MINUTE)
    with pytest.raises(ProgressError, match="begins with being started"):
        replay(agreed, [event])
    with pytest.raises(ProgressError, match="has not started"):
        replay(agreed, [])
    with pytest.raises(ProgressError, match="before the stage began"):
        started(agreed, Event("advanced", START - MINUTE, "service:x", ("passed",)))


def test_a_tier_that_nobody_has_heard_of_takes_the_most_careful_way() -> None:
    assert [strategy_for(tier, POLICY) for tier in ("low", "medium", "high", "?")] == [
        "canary",
        "canary",
        "shadow",
        "shadow",
    ]
