"""The contracts themselves: complete, closed, and blind to no column."""

from __future__ import annotations

import pytest

from churn_platform.contracts.raw import ROW_RULES, schema_of
from churn_platform.contracts.tables import KNOWN_AT, RAW_TABLES


@pytest.mark.parametrize("name", RAW_TABLES)
def test_a_schema_has_every_column_of_its_table_and_no_other(name: str) -> None:
    table, schema = RAW_TABLES[name], schema_of(name)
    assert list(schema.columns) == [*table.column_names, "landed_on"]
    assert schema.strict is True
    for column in table.columns:
        assert schema.columns[column.name].nullable is column.nullable


@pytest.mark.parametrize("name", RAW_TABLES)
def test_a_table_says_when_each_row_was_known_and_what_identifies_it(name: str) -> None:
    table = RAW_TABLES[name]
    assert KNOWN_AT in table.columns
    assert table.grain
    assert not any(table.column(part).nullable for part in table.grain)
    assert len(set(table.column_names)) == len(table.column_names)


def test_a_category_has_a_domain_and_nothing_else_has() -> None:
    for table in RAW_TABLES.values():
        for column in table.columns:
            assert (column.kind == "category") == bool(column.domain), (table.name, column.name)
            assert list(column.domain) == sorted(set(column.domain)), (table.name, column.name)


def test_row_rules_are_for_tables_that_exist() -> None:
    assert set(ROW_RULES) <= set(RAW_TABLES)
    with pytest.raises(KeyError):
        schema_of("clients")
