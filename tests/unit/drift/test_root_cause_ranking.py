"""Ranking: declared causes are whole, evidence weighs as declared, and no evidence is no cause."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.drift.finding import Finding, Window
from churn_platform.drift.root_cause import amounts, customers, feeds, reported, service
from churn_platform.drift.root_cause.declaration import DeclaredCause, declared_causes
from churn_platform.drift.root_cause.evidence import Evidence, strength_of, strongest
from churn_platform.drift.root_cause.ranking import UNKNOWN, UNKNOWN_SCORE, CauseRanking, rank
from churn_platform.drift.root_cause.reported import reported_evidence
from churn_platform.simulation.scenario.reading import packaged_scenarios

DAY = date(2026, 6, 1)
#: evidence that flows add to what the raw tables say
FROM_FLOWS = {
    "shift_through_prices", "shift_through_profile", "shift_through_services", "shift_through_usage",
    "shift_through_support", "unforeseen_leavers", "ranking_fails", "policy_changed", "code_changed",
}  # fmt: skip


def seen(name: str, strength: float = 1.0) -> Evidence:
    return Evidence(name, "x", strength, 1.0, name)


def test_every_planted_cause_is_declared() -> None:
    planted = {scenario.cause for scenario in packaged_scenarios().values()} - {"none"}
    assert planted <= {cause.name for cause in declared_causes()}


def test_every_evidence_that_a_cause_names_is_made_somewhere() -> None:
    import inspect

    sources = "".join(inspect.getsource(module) for module in (amounts, customers, feeds, reported, service))
    named = {name for cause in declared_causes() for name in (*cause.raises, *cause.lowers)}
    assert [name for name in sorted(named - FROM_FLOWS) if f'"{name}"' not in sources] == []


def test_nothing_observed_is_unknown() -> None:
    ranked = rank(declared_causes(), [])
    assert [cause.name for cause in ranked] == [UNKNOWN]
    assert ranked[0].share == 1.0


@pytest.mark.parametrize(
    ("names", "cause"),
    [
        (["table_late"], "crm_lag"),
        (["labels_late"], "label_outage"),
        (["column_changed", "rows_refused", "leavers_more", "tickets_more"], "schema_break"),
        (["numbers_rescaled", "use_grew"], "unit_change"),
        (["numbers_rescaled", "prices_moved", "many_repriced", "bills_disagree"], "unit_change"),
        (["numbers_out_of_range", "rows_refused"], "unit_change"),
        (["prices_moved", "many_repriced", "bills_follow", "leavers_more", "leavers_over_price"], "pricing_change"),
        (["services_taken_up", "joiners_services", "use_grew"], "product_launch"),
        (["joiners_profile", "joiners_gradual"], "slow_mix_shift"),
        (["joiners_profile", "joiners_sudden"], "mix_shift"),
        (["tickets_slower", "tickets_more", "leavers_dissatisfied", "leavers_more"], "support_quality_degradation"),
        (["leavers_to_competitor", "leavers_more", "ranking_fails"], "competitor_offer"),
    ],
)
def test_what_is_seen_together_names_the_cause(names: list[str], cause: str) -> None:
    assert rank(declared_causes(), [seen(name) for name in names])[0].name == cause


@given(st.lists(st.tuples(st.sampled_from(["table_late", "prices_moved", "tickets_slower"]), st.floats(0, 1))))
def test_shares_sum_to_one_and_the_first_scores_highest(found: list[tuple[str, float]]) -> None:
    ranked = rank(declared_causes(), [seen(name, strength) for name, strength in found])
    assert sum(cause.share for cause in ranked) == pytest.approx(1.0)
    assert [c.score for c in ranked] == sorted((c.score for c in ranked), reverse=True)
    assert UNKNOWN in {cause.name for cause in ranked}


def test_weak_evidence_is_no_explanation() -> None:
    weak = seen("tickets_slower", UNKNOWN_SCORE / 2)
    assert rank(declared_causes(), [weak])[0].name == UNKNOWN


def test_what_speaks_against_a_cause_lowers_it_and_is_told() -> None:
    one = DeclaredCause(name="x", about="x", remedy="x", raises={"a": 1.0}, lowers={"b": 0.4})
    cause = rank([one], [seen("a"), seen("b")])[0]
    assert cause.score == pytest.approx(0.6)
    assert [e.name for e in cause.speaks_against] == ["b"]


def test_a_strength_needs_size_and_certainty() -> None:
    assert strength_of(0.2, 0.1, distance=10) == 1.0
    assert strength_of(0.2, 0.1, distance=2.0) == 0.0, "two standard errors are chance among forty looks"
    assert strength_of(0.001, 0.1, distance=50) < 0.02, "certain and tiny"
    assert strength_of(float("nan"), 0.1) == 0.0


def test_of_one_name_the_strongest_counts_once() -> None:
    found = strongest([seen("a", 0.2), seen("a", 0.9), seen("b", 0.0)])
    assert [(one.name, one.strength) for one in found] == [("a", 0.9)]


def test_findings_about_files_are_evidence_and_others_are_not() -> None:
    window = Window(DAY, DAY, 100)

    def finding(signal: str, subject: str, statistic: str, severity: str = "critical") -> Finding:
        return Finding(signal, subject, severity, statistic, 1.0, 0.5, window, "told", "do")  # type: ignore[arg-type]

    found = reported_evidence(
        [
            finding("feed_late", "customers", "rows"),
            finding("feed_late", "churn_events", "rows"),
            finding("schema_drift", "account_usage.data_gb", "scale"),
            finding("schema_drift", "customers.payment_method", "missing_columns"),
            finding("schema_drift", "customers.contract", "missing_share", "ok"),
            finding("data_drift", "contract", "psi"),
        ]
    )
    assert [one.name for one in found] == ["table_late", "labels_late", "numbers_rescaled", "column_changed"]


def test_a_ranking_tells_its_first_causes_in_sentences() -> None:
    ranking = CauseRanking(DAY, None, rank(declared_causes(), [seen("table_late")]), (), {})
    assert ranking.first.name == "crm_lag"
    assert ranking.summary()[0] == {
        "cause": "crm_lag",
        "share": pytest.approx(1.5 / 1.75, abs=1e-3),
        "because": ["table_late"],
    }
    assert ranking.to_dict()["causes"][0]["name"] == "crm_lag"
