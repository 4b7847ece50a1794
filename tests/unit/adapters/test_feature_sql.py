"""A package's own feature SQL on a few raw rows: what it makes of them, and that nothing of one request stays for the next.

That it makes the same features as the warehouse, over all real rows, is held by `integration/test_main_job.py`.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from churn_platform.adapters.dbt_manifest import compiled_sql
from churn_platform.adapters.feature_sql import FeatureSql, FeatureSqlError
from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.feeds.quarantine import screen
from churn_platform.settings import load_settings

DAY = "2026-03-04"
PROFILE = {column.name: column.domain[0] for column in RAW_TABLES["customers"].columns if column.domain}


def customers(*ids: str, **changed: object) -> pd.DataFrame:
    """Accepted customers rows, as the gate gives them."""
    row = {
        **PROFILE,
        "observation_date": DAY,
        "known_at": DAY,
        "tenure_months": 12,
        "monthly_charges": 70.5,
        "total_charges": 846.0,
        **changed,
    }
    landed = pd.DataFrame([{**row, "customer_id": one} for one in ids], dtype="object")
    file = {"landed_on": pd.Timestamp(DAY).as_unit("s"), "source_file": "request", "source_digest": "request"}
    landed = landed.assign(**file, source_columns=json.dumps(list(landed.columns)))
    screened = screen(RAW_TABLES["customers"], landed)
    assert len(screened.accepted) == len(ids)
    return screened.accepted


@pytest.fixture(scope="module")
def sql() -> str:
    return compiled_sql(load_settings(), "features_v1")


@pytest.fixture(scope="module")
def views(sql: str) -> FeatureSql:
    return FeatureSql(sql, "features_v1")


def test_raw_rows_become_feature_rows(views: FeatureSql) -> None:
    features = views.features({"customers": customers("B", "A", monthly_charges=20.25)})
    assert features["customer_id"].tolist() == ["A", "B"]
    assert features["monthly_charges"].tolist() == [20.25, 20.25]
    assert features["contract"].unique().tolist() == [PROFILE["contract"]]


def test_nothing_of_a_request_stays_for_the_next(views: FeatureSql) -> None:
    assert len(views.features({"customers": customers("A", "B", "C")})) == 3
    assert views.features({"customers": customers("D")})["customer_id"].tolist() == ["D"]
    assert views.features({}).empty


def test_requests_of_many_threads_do_not_meet(views: FeatureSql) -> None:
    requests = [customers(f"id-{number}") for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda rows: views.features({"customers": rows})["customer_id"].tolist(), requests))
    assert answers == [[f"id-{number}"] for number in range(12)]


def test_a_refused_request_says_why_and_the_next_one_is_answered(views: FeatureSql) -> None:
    with pytest.raises(FeatureSqlError, match="no raw table: there are customers"):
        views.features({"customer": customers("A")})
    with pytest.raises(FeatureSqlError, match="refused the rows"):
        views.features({"customers": customers("A").assign(customer_id=None)})
    assert len(views.features({"customers": customers("A")})) == 1


def test_sql_that_lacks_the_table_or_does_not_compile_is_refused(sql: str) -> None:
    with pytest.raises(FeatureSqlError, match="no section features_v9"):
        FeatureSql(sql, "features_v9")
    with pytest.raises(FeatureSqlError, match="does not compile"):
        FeatureSql(sql.replace("customer_id", "customer_name"), "features_v1")
