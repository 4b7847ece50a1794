"""The form of a described customer's attributes, made of the contract of the raw `customers` table.

What belongs here: the contract's columns as JSON Schema for the API's document, and the judgement of one value by the same columns.
What does not: the columns themselves (`contracts/tables.py`), rules between columns (`contracts/raw.py`), which judge afterwards.

A landed file is text, so the contract reads "12" as a number and " Male " as Male. A request is typed JSON and is taken at its word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from churn_platform.contracts.tables import RAW_TABLES, Column

CUSTOMERS = RAW_TABLES["customers"]
GIVEN = ("customer_id", "observation_date", "next_observation_date", "known_at")
"""Columns of the raw row that the API fills in itself."""
COLUMNS: Mapping[str, Column] = {column.name: column for column in CUSTOMERS.columns if column.name not in GIVEN}
LONGEST_TEXT = 200


def attributes_schema() -> dict[str, Any]:
    """JSON Schema of `attributes`: each column's type, domain and bounds, and that only a new customer's total may be blank."""
    return {
        "type": "object",
        "title": "Attributes",
        "description": "A row of the raw table `customers`, without what the API fills in itself.",
        "properties": {name: _schema(column) for name, column in COLUMNS.items()},
        "required": [name for name, column in COLUMNS.items() if not column.nullable],
        "additionalProperties": False,
        "anyOf": [
            {"required": ["total_charges"], "properties": {"total_charges": {"type": "number"}}},
            {"properties": {"tenure_months": {"const": 0}}},
        ],
    }


def _schema(column: Column) -> dict[str, Any]:
    if column.domain:
        schema: dict[str, Any] = {"enum": [*column.domain, *([None] if column.nullable else [])]}
    else:
        kind = {"integer": "integer", "number": "number"}.get(column.kind, "string")
        schema = {"type": [kind, "null"] if column.nullable else kind}
        if kind == "string":
            schema["maxLength"] = LONGEST_TEXT
        if column.at_least is not None:
            schema["minimum"] = column.at_least
        if column.at_most is not None:
            schema["maximum"] = column.at_most
    if column.unit or column.about:
        schema["description"] = ", ".join(filter(None, (column.about, column.unit)))
    return schema


def wrong_attribute(attributes: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first attribute that is not of its column's form, and what is wrong with it; None where all are.

    >>> wrong_attribute({"tenure_months": "12"})
    ('gender', 'must not be blank')
    >>> wrong_attribute({"shoe_size": 42})[0]
    'shoe_size'
    """
    for name in attributes:
        if name in GIVEN:
            return name, "is filled in by the API"
        if name not in COLUMNS:
            return name, f"is no attribute: there are {', '.join(COLUMNS)}"
    for name, column in COLUMNS.items():
        wrong = _wrong(column, attributes.get(name))
        if wrong is not None:
            return name, wrong
    return None


def _wrong(column: Column, value: Any) -> str | None:
    if value is None:
        return None if column.nullable else "must not be blank"
    if column.domain:
        return None if value in column.domain else f"must be one of {', '.join(column.domain)}"
    if column.kind in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return "must be a number"
        if column.kind == "integer" and value != math.floor(value):
            return "must be a whole number"
        if column.at_least is not None and value < column.at_least:
            return f"must be at least {column.at_least:g}"
        if column.at_most is not None and value > column.at_most:
            return f"must be at most {column.at_most:g}"
        return None
    if not isinstance(value, str):
        return "must be a text"
    return None if len(value) <= LONGEST_TEXT else f"must have at most {LONGEST_TEXT} letters"
