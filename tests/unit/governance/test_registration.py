from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from churn_platform.governance.registration import Registration, RegistrationError

COMPLETE: dict[str, Any] = {
    "model_name": "telco-churn",
    "package_digest": "1" * 64,
    "feature_set": "v1",
    "training_data_digest": "2" * 64,
    "policy_digest": "3" * 64,
    "code_revision": "0f3a91c",
    "code_digest": "4" * 64,
    "business_owner": "retention-manager",
    "ml_owner": "ml-owner",
    "risk_tier": "low",
    "as_of": date(2026, 5, 31),
    "feed": "ibm",
    "simulated": False,
    "metrics": {"brier": 0.133, "auc": 0.85},
}


def test_a_complete_registration_is_accepted_and_reads_as_json() -> None:
    made = Registration(**COMPLETE)
    assert json.loads(json.dumps(made.to_dict())) == {**COMPLETE, "as_of": "2026-05-31"}
    assert list(made.metrics) == ["auc", "brier"]


@pytest.mark.parametrize("field", ["business_owner", "ml_owner"])
@pytest.mark.parametrize("value", ["", "   ", None, "TODO", "unknown", "n/a", "None", "nobody", float("nan")])
def test_no_model_is_registered_without_both_owners(field: str, value: Any) -> None:
    with pytest.raises(RegistrationError, match=rf"{field} is missing .* name it under `governance` in policies\.yml"):
        Registration(**{**COMPLETE, field: value})


@pytest.mark.parametrize("value", ["", None, "severe", "LOW"])
def test_no_model_is_registered_without_a_known_risk_tier(value: Any) -> None:
    with pytest.raises(RegistrationError, match=r"risk_tier is .*, not one of low, medium, high"):
        Registration(**{**COMPLETE, "risk_tier": value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[
            (name, value)
            for name in ("package_digest", "policy_digest")
            for value in ("", "abc", "G" * 64, "A" * 64, None)
        ],
        *[(name, "") for name in ("model_name", "feature_set", "code_revision", "feed")],
        ("as_of", "2026-05-31"),
        ("as_of", datetime(2026, 5, 31, tzinfo=UTC)),
        ("simulated", None),
        ("simulated", "no"),
        ("metrics", {}),
        ("metrics", {"auc": float("nan")}),
        ("metrics", {"auc": float("inf")}),
        ("metrics", {"auc": None}),
        ("metrics", {"auc": "0.85"}),
        ("metrics", {"passed": True}),
    ],
)
def test_anything_missing_or_strange_is_refused(field: str, value: Any) -> None:
    with pytest.raises(RegistrationError, match="metric" if field == "metrics" else field):
        Registration(**{**COMPLETE, field: value})


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(RegistrationError) as caught:
        Registration(**{**COMPLETE, "ml_owner": "", "risk_tier": "", "feed": "", "metrics": {}})
    assert [word in str(caught.value) for word in ("ml_owner", "risk_tier", "feed", "metrics")] == [True] * 4


def test_a_registration_cannot_be_changed_afterwards() -> None:
    given = {"auc": 0.85}
    made = Registration(**{**COMPLETE, "metrics": given})
    given["auc"] = 0.99
    assert made.metrics["auc"] == 0.85
    with pytest.raises(TypeError):
        made.metrics["auc"] = 0.99  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.ml_owner = "x"  # type: ignore[misc]


def test_numpy_metrics_are_kept_as_plain_numbers() -> None:
    made = Registration(**{**COMPLETE, "metrics": {"auc": np.float64(0.85)}})
    assert type(made.metrics["auc"]) is float


def test_only_what_a_package_is_and_who_answers_for_it_may_not_differ() -> None:
    made = Registration(**COMPLETE)
    rerun = dataclasses.replace(
        made, code_revision="other", metrics={"auc": 0.85, "seconds": 2.0}, as_of=date(2026, 6, 1)
    )
    assert made.differences(rerun) == ()
    assert made.differences(dataclasses.replace(made, feed="world", simulated=True, ml_owner="x")) == (
        "feed",
        "simulated",
        "ml_owner",
    )
