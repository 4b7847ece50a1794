"""The rows that this room's tests learn from; how they are made is in `telco_rows`."""

from __future__ import annotations

import pytest
from telco_rows import Tables, made_up_tables, real_tables


@pytest.fixture(scope="session")
def v1() -> Tables:
    return real_tables("v1")


@pytest.fixture(scope="session")
def v2() -> Tables:
    return real_tables("v2")


@pytest.fixture(scope="session")
def small() -> Tables:
    return made_up_tables(600)
