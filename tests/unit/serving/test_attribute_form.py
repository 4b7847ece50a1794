"""Described customers are judged as the raw contract judges files: both accept the same rows, and make the same values of them."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import jsonschema_rs
import pandas as pd
import pytest

from bench.serving_cases import GOOD
from churn_platform.contracts.tables import CUSTOMERS
from churn_platform.feeds.quarantine import screen
from churn_platform.serving.attribute_form import COLUMNS, attributes_schema
from churn_platform.serving.attributes import accepted_rows

DAY = date(2026, 6, 3)


def drawn(rows: int) -> list[dict[str, Any]]:
    """Rows of the right JSON types; about half of them break a domain, a bound, a blank or a rule between columns."""
    chance = random.Random(7)
    made = []
    for _ in range(rows):
        row: dict[str, Any] = {}
        for name, column in COLUMNS.items():
            if column.domain:
                row[name] = chance.choice(column.domain)
            elif column.kind == "integer":
                row[name] = chance.choice([0, 1, 12, 72])
            else:
                row[name] = chance.choice([0, 0.5, 19.99, 89])
        for _ in range(chance.choice([0, 0, 1, 2])):
            name = chance.choice(list(COLUMNS))
            wrong = ["Unseen", None] if COLUMNS[name].domain else [None, -1, 10**9]
            row[name] = chance.choice(wrong)
        made.append(row)
    return made


def test_what_is_accepted_is_what_the_contract_accepts_of_the_same_rows_in_a_file() -> None:
    rows = drawn(1500)
    landed = pd.DataFrame(
        [
            {
                **row,
                "customer_id": str(place),
                "observation_date": DAY.isoformat(),
                "next_observation_date": None,
                "known_at": DAY.isoformat(),
            }
            for place, row in enumerate(rows)
        ],
        dtype="object",
    ).assign(landed_on=pd.Timestamp(DAY), source_file="request", source_digest="request")
    by_file = screen(CUSTOMERS, landed).accepted
    by_request, refused = accepted_rows(rows, DAY)
    assert by_request["customer_id"].tolist() == by_file["customer_id"].tolist()
    assert len(by_request) + len(refused) == len(rows)
    assert 300 < len(refused) < 1200  # the control: both kinds are among them
    pd.testing.assert_frame_equal(by_request[list(by_file.columns)], by_file, check_dtype=False)


def test_the_documented_schema_accepts_the_same_rows() -> None:
    validator = jsonschema_rs.validator_for(attributes_schema())
    rows = drawn(1500)
    _, refused = accepted_rows(rows, DAY)
    assert [place for place, row in enumerate(rows) if not validator.is_valid(row)] == sorted(map(int, refused))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"tenure_months": "12"}, "tenure_months"),
        ({"tenure_months": True}, "tenure_months"),
        ({"tenure_months": 1.5}, "tenure_months"),
        ({"gender": " Male "}, "gender"),
        ({"monthly_charges": float("inf")}, "monthly_charges"),
        ({"internet_type": ""}, "internet_type"),
        ({"customer_id": "A"}, "customer_id"),
    ],
)
def test_a_request_is_taken_at_its_word_where_a_file_would_be_read(changed: dict[str, Any], field: str) -> None:
    accepted, refused = accepted_rows([{**GOOD, **changed}, GOOD], DAY)
    assert accepted["customer_id"].tolist() == ["1"]
    assert refused["0"].field == f"attributes.{field}"
