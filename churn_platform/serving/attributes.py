"""A customer described by attributes: judged by the contract of the raw table, features by the package's own SQL.

What belongs here: from a request's attributes to one feature row. What does not: a second way to compute a feature; there is none.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from churn_platform.serving.answers import Document, Route, Unanswerable, document, route, rule_document
from churn_platform.serving.attribute_form import COLUMNS, CUSTOMERS, wrong_attribute

if TYPE_CHECKING:
    from churn_platform.adapters.feature_sql import FeatureSql
    from churn_platform.serving.model import OnlineModel
    from churn_platform.serving.state import State


class AttributeFeatures:
    """Feature rows of described customers, by each loaded model's own SQL; compiled once per package."""

    def __init__(self) -> None:
        self._views: dict[str, FeatureSql] = {}
        self._lock = threading.Lock()

    def answers(
        self, state: State, described: Sequence[Mapping[str, Any]], today: date, colour: str | None = None
    ) -> list[Document | Unanswerable]:
        """An answer, or why there is none, for each description, in order; each is judged by itself.

        Who answers customers without an id answers, or the model of that colour; the documented rule while the kill switch says so.

        Raises:
            Unanswerable: nobody can answer at all.
        """
        kill = state.routing.kill
        chosen = None if kill is not None and kill.mode == "fallback" else route(state, "", colour)
        return self.answers_of(chosen, state, described, today)

    def answers_of(
        self, chosen: Route | None, state: State, described: Sequence[Mapping[str, Any]], today: date
    ) -> list[Document | Unanswerable]:
        """The same by a given model; by the documented rule for None."""
        landed, refused = _landed(described, today)
        accepted = landed.iloc[:0]
        if len(landed):
            accepted, screened_out = _screened(landed)
            refused.update(screened_out)
        answers: list[Document | Unanswerable] = [
            refused.get(f"{place}") or Unanswerable(422, "the row was not accepted", "attributes")
            for place in range(len(described))
        ]
        if len(accepted):
            made = (
                _by_rule(state, accepted, today) if chosen is None else self._by_model(chosen, accepted, today, state)
            )
            for place, one in made:
                answers[place] = one
        return answers

    def _by_model(
        self, chosen: Route, accepted: pd.DataFrame, today: date, state: State
    ) -> list[tuple[int, Document | Unanswerable]]:
        from churn_platform.adapters.feature_sql import FeatureSqlError

        try:
            return self._answered(chosen, self._features(chosen.model, accepted), today, state)
        except FeatureSqlError as error:
            raise Unanswerable(503, str(error)) from error

    def _features(self, model: OnlineModel, accepted: pd.DataFrame) -> pd.DataFrame:
        from churn_platform.adapters.feature_sql import FeatureSql

        with self._lock:
            views = self._views.get(model.digest)
            if views is None:
                views = self._views[model.digest] = FeatureSql(model.feature_sql, model.feature_set.table)
        return views.features({"customers": accepted})

    @staticmethod
    def _answered(
        chosen: Route, rows: pd.DataFrame, today: date, state: State
    ) -> list[tuple[int, Document | Unanswerable]]:
        values = chosen.model.values(rows)
        made: list[tuple[int, Document | Unanswerable]] = []
        for place, row in enumerate(rows.to_dict("records")):
            number = int(row["customer_id"])
            try:
                predicted = chosen.model.predict(values[place : place + 1], row.__getitem__)
                made.append((number, document(predicted, None, chosen, today, today, bool(state.problems))))
            except ValueError as error:
                made.append((number, Unanswerable(503, str(error))))
        return made


def _by_rule(state: State, accepted: pd.DataFrame, today: date) -> list[tuple[int, Document | Unanswerable]]:
    return [
        (
            int(row["customer_id"]),
            rule_document(state, None, row["contract"], row["tenure_months"], "attributes", today, today),
        )
        for row in accepted[["customer_id", "contract", "tenure_months"]].to_dict("records")
    ]


def _landed(described: Sequence[Mapping[str, Any]], today: date) -> tuple[pd.DataFrame, dict[str, Unanswerable]]:
    """The descriptions as landed rows of `customers`, and the refusal of those that cannot be one, by their place."""
    rows, refused = [], {}
    for place, attributes in enumerate(described):
        wrong = wrong_attribute(attributes)
        if wrong is not None:
            name, why = wrong
            refused[str(place)] = Unanswerable(422, f"{name} {why}", f"attributes.{name}")
            continue
        rows.append(
            {
                **{name: attributes.get(name) for name in COLUMNS},
                "customer_id": str(place),
                "observation_date": today.isoformat(),
                "next_observation_date": None,
                "known_at": today.isoformat(),
            }
        )
    landed = pd.DataFrame(rows, columns=list(CUSTOMERS.column_names), dtype="object")
    named = landed.assign(
        landed_on=pd.Timestamp(today).as_unit("s"),
        source_file="request",
        source_digest="request",
        source_columns=json.dumps(list(CUSTOMERS.column_names)),
    )
    return named, refused


def _screened(landed: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Unanswerable]]:
    """Accepted rows, and the refusal of each other row by its customer_id."""
    from churn_platform.feeds.quarantine import screen

    screened = screen(CUSTOMERS, landed)
    refused = {}
    for row in screened.quarantined.to_dict("records"):
        place = json.loads(row["raw_content"])["customer_id"]
        column = row["column_name"] or "attributes"
        refused[place] = Unanswerable(422, f"{column}: {row['rule']}; found {row['found']}", f"attributes.{column}")
    return screened.accepted, refused
