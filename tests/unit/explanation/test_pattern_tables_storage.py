"""Stored pattern tables: the same bytes for the same tables, and nothing damaged, foreign or hostile is read."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.explanation.errors import TablesFileError
from churn_platform.explanation.pattern_tables import PatternTables, storage
from churn_platform.explanation.pattern_tables.layout import Layout, refuse_lookups_outside
from churn_platform.explanation.pattern_tables.tables import booster_digest


@pytest.fixture(scope="module")
def tables(booster: xgboost.Booster) -> PatternTables:
    return PatternTables.from_booster(booster)


@pytest.fixture(scope="module")
def stored(tables: PatternTables) -> bytes:
    return tables.to_bytes()


def test_what_is_written_is_read_and_explains_alike(
    tables: PatternTables, stored: bytes, model_input: pd.DataFrame
) -> None:
    again = PatternTables.from_bytes(stored, tables.booster_digest)
    np.testing.assert_array_equal(again.contributions(model_input), tables.contributions(model_input))
    assert (again.features, again.categories, again.base, again.trees, again.booster_digest) == (
        tables.features,
        tables.categories,
        tables.base,
        tables.trees,
        tables.booster_digest,
    )
    assert again.to_bytes() == stored


def test_the_same_model_gives_the_same_bytes_also_after_it_was_stored_itself(
    booster: xgboost.Booster, stored: bytes
) -> None:
    model_json = bytes(booster.save_raw("json"))
    reloaded = xgboost.Booster({"nthread": 2}, model_file=bytearray(model_json))
    assert PatternTables.from_booster(reloaded).to_bytes() == stored
    PatternTables.from_bytes(stored, booster_digest(model_json))


def test_tables_of_another_model_are_refused(stored: bytes) -> None:
    with pytest.raises(TablesFileError, match=r"are of the model .* not of 000000000000"):
        PatternTables.from_bytes(stored, "0" * 64)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_byte_anywhere_is_found(tables: PatternTables, stored: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(stored) - 1))
    damaged = bytearray(stored)
    damaged[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TablesFileError):
        PatternTables.from_bytes(bytes(damaged), tables.booster_digest)


@pytest.mark.parametrize("length", [0, 5, 40, 100, 5000, -1])
def test_a_cut_file_is_found(tables: PatternTables, stored: bytes, length: int) -> None:
    with pytest.raises(TablesFileError):
        PatternTables.from_bytes(stored[:length], tables.booster_digest)


@pytest.mark.parametrize(
    "change",
    [
        {"values": lambda values: values[:-1]},
        {"values": lambda values: np.append(values[:-1], np.float32(np.nan))},
        {"condition_stride": lambda strides: strides * 3},
        {"condition_column": lambda columns: columns + 100},
        {"condition_column": lambda columns: columns - 100},
        {"condition_threshold": lambda thresholds: np.append(thresholds[:-1], np.float32(np.inf))},
        {"condition_start": lambda starts: starts[::-1].copy()},
        {"output_feature": lambda features: features + 19},
        {"output_offset": lambda offsets: offsets + 1},
        {"output_offset": lambda offsets: offsets - 1},
        {"output_start": lambda starts: starts[:-1]},
        {"member_start": lambda starts: starts + 1},
        {"members": lambda members: members[:-1]},
        {"column_feature": lambda features: -features - 1},
        {"column_numeric": lambda numeric: numeric[:-1]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_tables_whose_lookups_would_leave_their_arrays_are_refused_even_with_a_right_digest(
    tables: PatternTables, change: dict[str, Any]
) -> None:
    ((name, edit),) = change.items()
    refuse_lookups_outside(tables.layout, len(tables.features))  # the control
    layout: Layout = tables.layout._replace(**{name: edit(getattr(tables.layout, name))})
    described = storage.Stored(tables.features, tables.categories, tables.base, tables.trees, tables.booster_digest)
    with pytest.raises(TablesFileError, match="contradict themselves"):
        PatternTables.from_bytes(storage.write(described, layout), tables.booster_digest)


def test_a_header_that_lies_about_lengths_is_refused(tables: PatternTables, stored: bytes) -> None:
    lying = stored[:-32].replace(b'"members": ', b'"members":  ', 1).replace(b'"trees": 60', b'"trees":60', 1)
    assert len(lying) == len(stored) - 32
    sealed = lying + hashlib.sha256(lying).digest()
    PatternTables.from_bytes(sealed, tables.booster_digest)  # the control: spaces are no lie
    columns = len(tables.layout.column_numeric)
    lying = stored[:-32].replace(
        f'"column_numeric": {columns}'.encode(), f'"column_numeric": {columns + 1}'.encode(), 1
    )
    with pytest.raises(TablesFileError):
        PatternTables.from_bytes(lying + hashlib.sha256(lying).digest(), tables.booster_digest)
