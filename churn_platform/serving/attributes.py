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

from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.serving.answers import Document, Route, Unanswerable, document, route

if TYPE_CHECKING:
    from churn_platform.adapters.feature_sql import FeatureSql
    from churn_platform.serving.model import OnlineModel
    from churn_platform.serving.state import State

CUSTOMERS = RAW_TABLES["customers"]
GIVEN = ("customer_id", "observation_date", "next_observation_date", "known_at")
"""Columns of the raw row that the API fills in itself."""


class AttributeFeatures:
    """Feature rows of described customers, by each loaded model's own SQL; compiled once per package."""

    def __init__(self) -> None:
        self._views: dict[str, FeatureSql] = {}
        self._lock = threading.Lock()

    def answers(
        self, state: State, described: Sequence[Mapping[str, Any]], today: date
    ) -> list[Document | Unanswerable]:
        """An answer, or why there is none, for each description, in order; each is judged by itself.

        Raises:
            Unanswerable: nobody can answer at all.
        """
        chosen = route(state, "")
        landed = _landed(described, today)
        accepted, refused = _screened(landed)
        answers: list[Document | Unanswerable] = [
            refused.get(f"{place}") or Unanswerable(422, "the row was not accepted", "attributes")
            for place in range(len(described))
        ]
        if len(accepted):
            rows = self._features(chosen.model, accepted)
            for place, one in self._answered(chosen, rows, today, state):
                answers[place] = one
        return answers

    def _features(self, model: OnlineModel, accepted: pd.DataFrame) -> pd.DataFrame:
        from churn_platform.adapters.feature_sql import FeatureSql

        with self._lock:
            views = self._views.get(model.digest)
            if views is None:
                views = self._views[model.digest] = FeatureSql(model.feature_sql, model.feature_set.table)
        return views.features({"customers": accepted})

    @staticmethod
    def _answered(chosen: Route, rows: pd.DataFrame, today: date, state: State) -> list[tuple[int, Document]]:
        values = chosen.model.values(rows)
        made = []
        for place, row in enumerate(rows.to_dict("records")):
            predicted = chosen.model.predict(values[place : place + 1], row.__getitem__)
            answer = document(predicted, None, chosen, today, today, bool(state.problems))
            made.append((int(row["customer_id"]), answer))
        return made


def _landed(described: Sequence[Mapping[str, Any]], today: date) -> pd.DataFrame:
    """The descriptions as landed rows of `customers`; what is not said is blank, and the contract judges that.

    Raises:
        Unanswerable: 422 for an attribute that the contract does not know, or that the API fills in itself.
    """
    known = [column.name for column in CUSTOMERS.columns if column.name not in GIVEN]
    for attributes in described:
        for name in attributes:
            if name not in known:
                told = (
                    "is filled in by the API" if name in GIVEN else f"is not an attribute: there are {', '.join(known)}"
                )
                raise Unanswerable(422, f"{name} {told}", f"attributes.{name}")
    rows = [
        {
            **{name: attributes.get(name) for name in known},
            "customer_id": str(place),
            "observation_date": today.isoformat(),
            "next_observation_date": None,
            "known_at": today.isoformat(),
        }
        for place, attributes in enumerate(described)
    ]
    landed = pd.DataFrame(rows, columns=list(CUSTOMERS.column_names), dtype="object")
    return landed.assign(
        landed_on=pd.Timestamp(today).as_unit("s"),
        source_file="request",
        source_digest="request",
        source_columns=json.dumps(list(CUSTOMERS.column_names)),
    )


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
