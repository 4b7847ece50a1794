"""The report: one page that asks no host for anything, says what it should, and lets nobody write into it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from gate_evidence import SOUND

from churn_platform.contracts.features import V1
from churn_platform.evaluation.evaluation import Evaluation
from churn_platform.evaluation.gate import GateDecision, decide, evaluation_gate
from churn_platform.evaluation.report import ReportExplanation, ReportHeader, evaluation_report
from churn_platform.policies import Policies

LABELS = {feature.name: feature.label for feature in V1.features}
HEADER = ReportHeader(
    model_name="telco-churn",
    model_version="1",
    model_digest="9f2c" * 16,
    training_data_digest="77ab" * 16,
    feature_set="v1",
    policy_digest="c0de" * 16,
    code_revision="aa9f99d",
    feed="ibm",
    simulated=False,
    feed_note="Real customers; the dates are the replay's.",
    holdout="1,408 customers observed in April 2026",
    more=(("Business owner", "Head of Retention"),),
)
TRIALS = pd.DataFrame(
    {"number": [1, 2, 3], "max_depth": [3, 2, 4], "log_loss": [0.42, 0.41, 0.43], "won": [False, True, False]}
)


class Page(HTMLParser):
    """The page as a browser sees it: tags, attributes that could fetch, and the text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.text = ""
        self.tags: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [
            f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href", "action", "data", "srcset")
        ]
        if tag not in ("meta", "br", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("circle",):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data


def own(page: str) -> str:
    """The page without plotly.js: what this project wrote."""
    from plotly.offline import get_plotlyjs

    assert page.count(get_plotlyjs()) == 1
    return page.replace(get_plotlyjs(), "")


def figures_of(page: str) -> dict[str, Any]:
    return {
        name: json.loads(data)
        for name, data in re.findall(r'^draw\("([a-z0-9-]+)", (.*)\);$', own(page).replace("</script>", "\n"), re.M)
    }


@pytest.fixture(scope="module")
def gate(evaluation: Evaluation, policies: Policies) -> GateDecision:
    return evaluation_gate(evaluation, SOUND, policies.gates.evaluation)


@pytest.fixture(scope="module")
def explanation(holdout: Any) -> ReportExplanation:
    return ReportExplanation(holdout.contributions, holdout.frame, LABELS)


@pytest.fixture(scope="module")
def page(evaluation: Evaluation, gate: GateDecision, explanation: ReportExplanation) -> str:
    return evaluation_report(evaluation, [gate], explanation, HEADER, TRIALS)


def test_the_headline_is_a_sentence_that_a_manager_can_repeat(page: str, evaluation: Evaluation) -> None:
    first = evaluation.listed_first
    leaving, by_chance = round(first.leaving.value * 100), round(first.by_chance * 100)
    text = Page(page).text
    assert f"Of the 100 customers the model lists first, {leaving} leave within 30 days; " in text
    assert f"by chance it would be {by_chance}." in text


def test_nothing_is_fetched_and_the_browser_is_told_to_refuse(page: str) -> None:
    assert Page(own(page)).fetched == []
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|//cdn", own(page).replace("http-equiv", ""))
    assert "@import" not in own(page)
    assert "url(" not in own(page)


def test_the_page_stays_below_six_megabytes_and_holds_plotly_once(page: str) -> None:
    assert len(page.encode()) < 6_000_000
    assert len(own(page).encode()) < 600_000


def test_every_place_for_a_figure_has_its_figure_and_every_figure_its_place(page: str) -> None:
    places = re.findall(r'<div class="plot" id="([^"]+)"', page)
    assert sorted(places) == sorted(figures_of(page))
    expected = "gain scores calibration roc pr segments importance beeswarm dependence-0 dependence-1 tuning"
    assert set(places) == set(expected.split())
    assert all(figure["data"] for figure in figures_of(page).values())


def test_the_same_input_gives_the_same_page(
    page: str, evaluation: Evaluation, gate: GateDecision, explanation: ReportExplanation
) -> None:
    assert evaluation_report(evaluation, gate, explanation, HEADER, TRIALS) == page


def test_everything_that_was_measured_and_judged_is_on_the_page(
    page: str, evaluation: Evaluation, gate: GateDecision
) -> None:
    text = Page(page).text
    for name in ("auc", "brier", "ece"):
        estimate = evaluation.metrics[name]
        assert f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})" in text
    for check in gate.checks:
        assert check.reason[1:] in text
    for what, value in HEADER.provenance():
        assert what in text
        assert value in text
    segments = json.dumps(figures_of(page)["segments"])
    for part in evaluation.segments:
        assert part.value in segments


def test_real_data_carry_no_banner_and_made_up_data_one_that_cannot_be_missed(
    page: str, evaluation: Evaluation, gate: GateDecision
) -> None:
    assert "Simulated data." not in Page(page).text
    simulated = evaluation_report(evaluation, gate, None, replace(HEADER, simulated=True, feed="world"))
    text = Page(simulated).text
    assert text.index("Simulated data.") < text.index("customers the model lists first")
    assert "world, simulated" in text


def test_a_model_that_did_not_pass_says_so_at_the_top_with_the_reason(
    evaluation: Evaluation, policies: Policies
) -> None:
    closed = evaluation_gate(evaluation, replace(SOUND, parity_difference=0.2), policies.gates.evaluation)
    text = Page(evaluation_report(evaluation, closed, None, HEADER)).text
    assert text.index("This model may not be used.") < text.index("lists first")
    assert (
        "Same score in serving: the largest difference between a probability in serving and in training is 0.2" in text
    )


def test_without_a_gate_the_page_does_not_look_approved(evaluation: Evaluation, page: str) -> None:
    assert "This model may not be used." not in Page(page).text
    unjudged = Page(evaluation_report(evaluation, [], None, HEADER)).text
    assert "This model may not be used." in unjudged
    assert "No gate has judged this model" in unjudged
    empty = Page(evaluation_report(evaluation, decide("evaluation", []), None, HEADER)).text
    assert "This model may not be used." in empty


def test_what_is_not_given_is_said_to_be_missing(evaluation: Evaluation, gate: GateDecision) -> None:
    bare = Page(evaluation_report(evaluation, gate, None, HEADER)).text
    assert "No explanation was handed to this report." in bare
    assert "How was it tuned?" not in bare


def test_small_segments_and_groups_are_named_with_their_reason(evaluation: Evaluation, gate: GateDecision) -> None:
    small = replace(
        evaluation.segments[0],
        status="insufficient_data",
        reason="31 customers, fewer than the 50 that a segment needs",
        metrics={},
    )
    gender = evaluation.fairness[0]
    alone = replace(
        gender.groups[0], comparable=False, reason="31 customers, fewer than the 50 that a group needs", rates={}
    )
    lonely = replace(
        gender, groups=(alone, *gender.groups[1:]), differences={}, reason="fewer than two groups can be compared"
    )
    changed = replace(evaluation, segments=(small, *evaluation.segments[1:]), fairness=(lonely, evaluation.fairness[1]))
    page = evaluation_report(changed, gate, None, HEADER)
    text = Page(page).text
    assert "contract Month-to-month: 31 customers, fewer than the 50 that a segment needs" in text
    assert "left out: 31 customers, fewer than the 50 that a group needs" in text
    assert "cannot be measured" in text
    assert "too few to judge" in json.dumps(figures_of(page)["segments"])


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>&\"'\u2028"


def test_nothing_that_is_shown_can_become_part_of_the_page(evaluation: Evaluation, holdout: Any, page: str) -> None:
    fields = (
        "model_name",
        "model_version",
        "model_digest",
        "feature_set",
        "code_revision",
        "feed",
        "feed_note",
        "holdout",
    )
    header = replace(HEADER, **dict.fromkeys(fields, HOSTILE), more=((HOSTILE, HOSTILE),))
    gate = GateDecision(
        HOSTILE, "fail", (replace(decide("", []).checks[0], name=HOSTILE, reason=HOSTILE, verdict="fail"),)
    )
    segments = tuple(replace(part, attribute=HOSTILE, value=HOSTILE) for part in evaluation.segments)
    groups = tuple(replace(group, value=HOSTILE) for group in evaluation.fairness[0].groups)
    unfair = replace(evaluation.fairness[0], attribute=HOSTILE, groups=groups)
    changed = replace(evaluation, segments=segments, fairness=(unfair,))
    values = holdout.frame.rename(columns={"contract": HOSTILE})
    values[HOSTILE] = pd.Categorical([HOSTILE] * len(values))
    explanation = ReportExplanation(
        holdout.contributions.rename(columns={"contract": HOSTILE}), values, {**LABELS, "tenure_months": HOSTILE}
    )
    trials = TRIALS.assign(booster=HOSTILE)
    attacked = evaluation_report(changed, gate, explanation, header, trials)
    for shown in (attacked, evaluation_report(changed, gate, None, replace(header, simulated=True))):
        seen = Page(own(shown))
        assert seen.open == []
        assert "img" not in seen.tags
        assert seen.tags.count("script") == 2
        assert seen.fetched == []
    # Plotly reads HTML in labels: none may reach it unescaped.
    assert "<img" not in json.dumps(figures_of(attacked))
    assert "&lt;img" in json.dumps(figures_of(attacked))
    assert Page(own(page)).tags.count("script") == 2
