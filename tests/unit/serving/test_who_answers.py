"""Who answers whom under a rollout: the plan's hash, and the features that the drawn model needs, as in the daily scores."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.contracts.routing import Routing, ServedModel, Split
from churn_platform.rollout.assignment import variant
from churn_platform.serving.answers import route
from churn_platform.serving.state import State

CHAMPION, CHALLENGER = ServedModel("churn-1", "a" * 64), ServedModel("churn-2", "b" * 64)


def published(*customers: str) -> Any:
    return SimpleNamespace(find=lambda customer_id: object() if customer_id in customers else None)


def state(weight: float, *, known_to_challenger: tuple[str, ...], mirrored: bool = False) -> State:
    split = Split("plan", "canary", "salt", weight, mirrored)
    models = {
        CHAMPION.digest: SimpleNamespace(version="churn-1", feature_set=SimpleNamespace(name="v1")),
        CHALLENGER.digest: SimpleNamespace(version="churn-2", feature_set=SimpleNamespace(name="v2")),
    }
    features = {"v1": published("known", "old"), "v2": published(*known_to_challenger)}
    return State(Routing(1, CHAMPION, CHALLENGER, split), cast("Any", models), features)


@given(customer_id=st.text(min_size=1, max_size=12), weight=st.floats(0.0, 1.0))
def test_a_known_customer_meets_the_model_of_the_plans_hash(customer_id: str, weight: float) -> None:
    asked = route(state(weight, known_to_challenger=(customer_id,)), customer_id)
    assert asked.variant == variant("salt", customer_id, weight)
    assert asked.model.version == ("churn-2" if asked.variant == "challenger" else "churn-1")


def test_who_has_no_features_for_the_challenger_stays_with_the_champion() -> None:
    assert route(state(1.0, known_to_challenger=("old",)), "old").variant == "challenger"  # the control
    assert route(state(1.0, known_to_challenger=("old",)), "known").variant == "champion"
    without_set = state(1.0, known_to_challenger=())
    assert (
        route(State(without_set.routing, without_set.models, {"v1": published("known")}), "known").variant == "champion"
    )


@pytest.mark.parametrize("customer_id", ["known", ""])
def test_who_is_only_mirrored_or_has_no_id_meets_the_champion(customer_id: str) -> None:
    mirrored = state(1.0, known_to_challenger=("known", ""), mirrored=customer_id != "")
    assert route(mirrored, customer_id).variant == "champion"
