"""The evaluation of a real holdout: what it holds, that it can be recorded, and that no misspelling passes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churn_platform.evaluation.estimate import EvaluationError
from churn_platform.evaluation.evaluation import Evaluation, evaluate
from churn_platform.evaluation.metrics import METRICS
from churn_platform.policies import Policies


def evaluated(holdout, policies: Policies, **changed) -> Evaluation:  # type: ignore[no-untyped-def]
    given = {
        "baseline_probability": holdout.baseline,
        "attributes": holdout.frame,
        "threshold": 0.32,
        "horizon_days": 30,
        "label_maturity": 1.0,
        "policy": policies.evaluation.model_copy(update={"resamples": 100}),
    }
    rows = {"churned": holdout.churned, "probability": holdout.probability}
    return evaluate(**{**rows, **given, **changed})


def test_on_the_real_extract_the_figures_are_those_of_a_sound_model(evaluation: Evaluation) -> None:
    assert evaluation.rows == 1408
    assert list(evaluation.metrics) == list(evaluation.baseline) == list(METRICS)
    assert evaluation.metrics["auc"].value > 0.82
    assert evaluation.metrics["brier"].value < 0.16
    assert evaluation.metrics["top_lift"].value > 2.2
    assert (
        evaluation.auc_above_baseline.low <= evaluation.auc_above_baseline.value <= evaluation.auc_above_baseline.high
    )
    assert 0.01 < evaluation.ece_if_calibrated < 0.035
    assert evaluation.listed_first.customers == 100
    assert evaluation.listed_first.leaving.value > 2 * evaluation.listed_first.by_chance


def test_every_value_of_every_segment_is_measured_and_each_attribute_adds_up_to_all_rows(
    evaluation: Evaluation, policies: Policies
) -> None:
    for attribute in policies.evaluation.segments:
        parts = [part for part in evaluation.segments if part.attribute == attribute]
        assert sum(part.rows for part in parts) == evaluation.rows
        assert sum(part.churners for part in parts) == evaluation.churners
        assert all(part.status == "measured" and list(part.metrics) == list(METRICS) for part in parts)
        assert all(part.metrics["auc"].rows == part.rows for part in parts)


def test_an_evaluation_survives_json_and_the_same_input_gives_the_same_bytes(
    evaluation: Evaluation,
    holdout,
    policies: Policies,  # type: ignore[no-untyped-def]
) -> None:
    text = json.dumps(evaluation.to_dict(), allow_nan=False)
    assert Evaluation.from_dict(json.loads(text)) == evaluation
    assert json.dumps(evaluated(holdout, policies).to_dict()) == json.dumps(evaluated(holdout, policies).to_dict())


def test_the_order_of_rows_does_not_change_an_evaluation(holdout, policies: Policies) -> None:  # type: ignore[no-untyped-def]
    order = np.random.default_rng(0).permutation(len(holdout.churned))
    moved = replace(
        holdout,
        churned=holdout.churned[order],
        probability=holdout.probability[order],
        baseline=holdout.baseline[order],
        frame=holdout.frame.iloc[order],
    )
    one, other = evaluated(holdout, policies), evaluated(moved, policies)
    for name in METRICS:
        ours, theirs = one.metrics[name], other.metrics[name]
        assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.value, theirs.low, theirs.high)), name
    assert one.fairness == other.fairness
    assert one.curves.scores == other.curves.scores


def test_adding_a_segment_does_not_move_the_figures_of_the_whole(holdout, policies: Policies) -> None:  # type: ignore[no-untyped-def]
    policy = policies.evaluation.model_copy(update={"resamples": 100, "segments": ("gender",)})
    assert evaluated(holdout, policies, policy=policy).metrics == evaluated(holdout, policies).metrics


def test_small_segments_and_segments_of_one_outcome_are_insufficient_data_with_the_reason(
    holdout,
    policies: Policies,  # type: ignore[no-untyped-def]
) -> None:
    frame = holdout.frame[["gender", "senior_citizen"]].copy()
    region = np.where(holdout.churned == 1, "leavers only", "all others").astype(object)
    region[:5] = "tiny"
    region[5:120] = None
    frame["region"] = region
    policy = policies.evaluation.model_copy(update={"resamples": 100, "segments": ("region",)})
    parts = {part.value: part for part in evaluated(holdout, policies, attributes=frame, policy=policy).segments}
    assert parts["tiny"].status == "insufficient_data"
    assert parts["tiny"].reason == "5 customers, fewer than the 50 that a segment needs"
    assert parts["leavers only"].status == "insufficient_data"
    assert "left, so nothing separates them" in parts["leavers only"].reason
    assert parts["unknown"].status == "measured"
    assert parts["unknown"].rows == 115
    assert parts["tiny"].metrics == {}


def test_a_missing_attribute_is_refused_by_name(holdout, policies: Policies) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EvaluationError, match="no column 'contract'"):
        evaluated(holdout, policies, attributes=holdout.frame.drop(columns="contract"))


def test_attributes_of_other_rows_are_refused(holdout, policies: Policies) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EvaluationError, match="rows of attributes against"):
        evaluated(holdout, policies, attributes=pd.concat([holdout.frame, holdout.frame.iloc[:1]]))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"threshold": float("nan")}, "threshold"),
        ({"threshold": 32}, "threshold"),
        ({"label_maturity": 0.0}, "label maturity"),
        ({"label_maturity": float("nan")}, "label maturity"),
        ({"horizon_days": 0}, "horizon"),
    ],
)
def test_settings_without_a_meaning_are_refused(holdout, policies: Policies, changed, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EvaluationError, match=message):
        evaluated(holdout, policies, **changed)


def test_predictions_with_a_hole_are_refused(holdout, policies: Policies) -> None:  # type: ignore[no-untyped-def]
    holed = holdout.probability.copy()
    holed[17] = np.nan
    with pytest.raises(EvaluationError, match="the first at row 17"):
        evaluated(holdout, policies, probability=holed)


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        (
            "a metric under another name",
            lambda d: d["metrics"]["auc"].update(vaule=d["metrics"]["auc"].pop("value")),
            "lacks value",
        ),
        ("a missing block", lambda d: d.pop("fairness"), "lacks fairness"),
        ("an unknown block", lambda d: d.update(auc_roc=0.9), "unknown auc_roc"),
        (
            "a figure as text",
            lambda d: d["metrics"]["auc"].update(value="0.9"),
            "metrics.auc.value is '0.9', not float",
        ),
        ("a figure as null", lambda d: d["metrics"]["auc"].update(value=None), "is None, not float"),
        ("a count as a fraction", lambda d: d.update(rows=1408.5), "rows is 1408.5, not int"),
        ("a list instead of an object", lambda d: d.update(metrics=[]), "metrics is"),
    ],
)
def test_a_damaged_record_is_refused_with_the_place(evaluation: Evaluation, place: str, change, message: str) -> None:  # type: ignore[no-untyped-def]
    record = json.loads(json.dumps(evaluation.to_dict()))
    assert Evaluation.from_dict(record) == evaluation
    change(record)
    with pytest.raises(EvaluationError, match=message):
        Evaluation.from_dict(record)
