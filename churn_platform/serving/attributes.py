"""A customer described by attributes: judged by the contract of the raw table, features by the package's own SQL.

What belongs here: from a request's attributes to one feature row. What does not: a second way to compute a feature; there is none.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from churn_platform.contracts.raw import DTYPES, EVERY_TABLE, ROW_RULES
from churn_platform.serving.answers import Document, Route, Unanswerable, document, route, rule_document
from churn_platform.serving.attribute_form import CUSTOMERS, wrong_attribute

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
        accepted, refused = accepted_rows(described, today)
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


def accepted_rows(described: Sequence[Mapping[str, Any]], today: date) -> tuple[pd.DataFrame, dict[str, Unanswerable]]:
    """The descriptions as typed rows of `customers`, as `feeds.quarantine.screen` would accept them, and the refusal of the others.

    Screening is made for files of text, and takes 80 ms for a single row (measured); here the same columns judge typed values, and the
    same rules the rows. A test holds that both accept the same.

    Returns:
        rows whose `customer_id` is their place in `described`, and refusals by place.
    """
    refused: dict[str, Unanswerable] = {}
    kept: list[tuple[str, Mapping[str, Any]]] = []
    for place, attributes in enumerate(described):
        wrong = wrong_attribute(attributes)
        if wrong is None:
            kept.append((str(place), attributes))
        else:
            refused[str(place)] = Unanswerable(422, f"{wrong[0]} {wrong[1]}", f"attributes.{wrong[0]}")
    day = pd.Timestamp(today)
    given = {"customer_id": [place for place, _ in kept], "observation_date": day, "known_at": day}
    columns = {
        column.name: given.get(column.name, [attributes.get(column.name) for _, attributes in kept])
        for column in CUSTOMERS.columns
    }
    frame = pd.DataFrame(
        {
            column.name: pd.Series(columns[column.name], index=range(len(kept)), dtype=DTYPES[column.kind])
            for column in CUSTOMERS.columns
        }
    ).assign(landed_on=day.as_unit("s"), source_file="request", source_digest="request")
    for rule, holds in {**ROW_RULES[CUSTOMERS.name], **EVERY_TABLE}.items():
        fine = holds(frame).fillna(False).astype(bool)
        for place in frame.loc[~fine, "customer_id"]:
            refused[place] = Unanswerable(422, rule, "attributes")
        frame = frame[fine]
    return frame.reset_index(drop=True), refused
