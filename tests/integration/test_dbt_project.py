"""The dbt project as a whole: it builds, its tables are the contract's, a rerun replaces its range, it fails closed.

What belongs here: what needs a warehouse file and dbt's own run. The laws of the SQL: `test_dbt_point_in_time.py`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from dbt_warehouse import PROJECT, Warehouse, create_raw_tables, customer, failures, parse

from churn_platform.contracts.features import FEATURE_SETS, FeatureSet
from churn_platform.contracts.tables import RAW_TABLES

REAL_DATA = Path(__file__).parents[3] / "shared" / "data" / "telco_customer_churn.csv"
DAY = date(2025, 3, 1)
KEYS = ["customer_id", "observation_date"]


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return parse(tmp_path_factory.mktemp("parsed"))


@pytest.fixture
def warehouse(tmp_path: Path, manifest: Any) -> Warehouse:
    """Raw tables without rows, and nothing built."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as con:
        create_raw_tables(con)
    return Warehouse(path, manifest)


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory, manifest: Any) -> Warehouse:
    path = tmp_path_factory.mktemp("built") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as con:
        create_raw_tables(con)
    warehouse = Warehouse(path, manifest)
    telco(warehouse)
    warehouse.run(DAY, DAY + timedelta(days=2))
    return warehouse


@pytest.fixture
def built(tmp_path: Path, built_once: Warehouse) -> Warehouse:
    """The small telco, built over its three days."""
    shutil.copy(built_once.path, tmp_path)
    return Warehouse(tmp_path / "warehouse.duckdb", built_once.manifest)


def telco(warehouse: Warehouse) -> None:
    """Nine customers observed over three days, with a little of everything."""
    names = [f"C{i}" for i in range(9)]
    warehouse.land(
        "customers",
        [customer(name, DAY + timedelta(days=i % 3), tenure_months=i) for i, name in enumerate(names)],
    )
    warehouse.land(
        "account_usage",
        [
            {"customer_id": name, "period_end": end, "months": 1, "known_at": end, "data_gb": 10.0 + i}
            | {"extra_data_charges": 1.0, "long_distance_charges": 2.0}
            for i, name in enumerate(names[:6])
            for end in (DAY - timedelta(days=30 * m) for m in range(1, 6))
        ],
    )
    due = DAY - timedelta(days=20)
    warehouse.land(
        "invoices",
        [
            {"invoice_id": f"I{name}", "customer_id": name, "invoice_date": due, "months": 1, "known_at": due}
            | {"amount": 50.0, "refunds": 0.5, "due_date": due}
            for name in names[:4]
        ],
    )
    opened = DAY - timedelta(days=3)
    ticket = {"ticket_id": "T1", "customer_id": "C1", "opened_on": opened, "known_at": opened}
    warehouse.land("support_tickets", [ticket | {"topic": "billing", "severity": "low"}])
    left = DAY + timedelta(days=10)
    warehouse.land("churn_events", [{"customer_id": "C2", "churned_on": left, "known_at": left}])


def test_the_project_builds_and_every_unit_and_data_test_passes(warehouse: Warehouse) -> None:
    telco(warehouse)
    result = warehouse.dbt("build", first=DAY, last=DAY + timedelta(days=2))
    assert result.success, failures(result)
    assert failures(result) == []
    kinds = pd.Series([str(r.node.resource_type) for r in result.result.results]).value_counts()
    assert kinds["model"] == 16
    assert kinds["unit_test"] >= 30
    assert kinds["test"] >= 26
    assert len(warehouse.frame("features_v2")) == 9


def test_every_model_has_a_unit_test_a_description_and_the_group_features(manifest: Any) -> None:
    models = {node.name: node for node in manifest.nodes.values() if str(node.resource_type) == "model"}
    tested = {unit_test.model for unit_test in manifest.unit_tests.values()}
    assert tested == set(models)
    for name, node in models.items():
        assert "Grain:" in node.description, f"{name} does not say its grain"
        assert node.config.meta["dagster"]["group"] == "features"


def test_every_data_test_says_what_it_holds(manifest: Any) -> None:
    tests = [node for node in manifest.nodes.values() if str(node.resource_type) == "test"]
    assert tests
    assert [test.name for test in tests if not test.config.meta.get("description")] == []


def test_the_sources_are_the_raw_tables_of_the_contracts(manifest: Any) -> None:
    assert {(s.source_name, s.schema, s.name) for s in manifest.sources.values()} == {
        ("raw", "raw", table) for table in RAW_TABLES
    }


def test_a_staging_model_keeps_every_column_of_its_raw_table(built: Warehouse) -> None:
    for table in RAW_TABLES.values():
        columns = tuple(built.frame(f"stg_raw__{table.name}").columns)
        assert columns == (*table.column_names, "superseded_at")


@pytest.mark.parametrize("feature_set", FEATURE_SETS.values(), ids=FEATURE_SETS)
def test_a_feature_table_has_the_columns_of_its_feature_set_in_order(built: Warehouse, feature_set: FeatureSet) -> None:
    with duckdb.connect(str(built.path)) as con:
        columns = dict(
            con.execute(
                "select column_name, data_type from information_schema.columns where table_name = ? "
                "order by ordinal_position",
                [feature_set.table],
            ).fetchall()
        )
    assert tuple(columns) == (*KEYS, "attributes_known_at", *feature_set.names)
    for feature in feature_set.features:
        assert (columns[feature.name] == "VARCHAR") == feature.is_categorical
        assert columns[feature.name] in ("VARCHAR", "BIGINT", "DOUBLE")
    assert (columns["observation_date"], columns["attributes_known_at"]) == ("DATE", "DATE")


def test_rerunning_a_range_gives_the_same_table(built: Warehouse) -> None:
    first = built.frame("features_v2")
    assert built.rerun(DAY, DAY + timedelta(days=2)).success
    pd.testing.assert_frame_equal(built.frame("features_v2"), first)


@pytest.mark.parametrize("table", ["features_v1", "features_v2"])
def test_rows_are_stored_by_day_and_customer(built: Warehouse, table: str) -> None:
    with duckdb.connect(str(built.path)) as con:
        stored = con.execute(f"select observation_date, customer_id from {table}").fetchall()
    assert len(stored) == 9
    assert stored == sorted(stored)


def test_day_by_day_in_any_order_gives_the_same_tables_as_one_build(warehouse: Warehouse, built: Warehouse) -> None:
    telco(warehouse)
    warehouse.run(DAY + timedelta(days=2))
    for day in (DAY, DAY + timedelta(days=1)):
        assert warehouse.rerun(day).success
    for table in ("features_v1", "features_v2", "observation_outcomes", "int_observations_excluded"):
        pd.testing.assert_frame_equal(warehouse.frame(table), built.frame(table))


def test_a_rerun_replaces_its_range_whole_and_leaves_every_other_date(built: Warehouse) -> None:
    before = {table: built.frame(table) for table in ("features_v1", "features_v2")}
    # every profile changes, and on the second day there is nobody left
    built.execute("update raw.customers set monthly_charges = 99")
    built.execute(f"delete from raw.customers where observation_date = '{DAY + timedelta(days=1)}'")
    assert built.rerun(DAY + timedelta(days=1)).success
    for table, old in before.items():
        untouched = old[old.observation_date != pd.Timestamp(DAY + timedelta(days=1))].reset_index(drop=True)
        pd.testing.assert_frame_equal(built.frame(table), untouched)
    assert built.rerun(DAY).success
    charges = built.frame("features_v1").groupby("observation_date").monthly_charges.first()
    assert charges.to_list() == [99.0, 50.0]


def test_full_refresh_of_a_range_does_not_throw_other_dates_away(built: Warehouse) -> None:
    tables = ("--select", "config.materialized:incremental")
    assert built.dbt("run", "--full-refresh", *tables, first=DAY).success
    assert len(built.frame("features_v1")) == 9


def test_a_build_that_dies_between_delete_and_insert_leaves_the_old_rows(built: Warehouse) -> None:
    before = built.frame("features_v1")
    refuse_charges_above(1000, built)
    built.execute("update raw.customers set monthly_charges = 5000")
    result = built.rerun(DAY)
    assert not result.success
    assert any("CHECK constraint failed" in line for line in failures(result))
    pd.testing.assert_frame_equal(built.frame("features_v1"), before)
    # the control: without the fault the very same build replaces them
    built.execute("update raw.customers set monthly_charges = 500")
    assert built.rerun(DAY).success
    assert set(built.frame("features_v1").monthly_charges) == {500.0, 50.0}


def refuse_charges_above(limit: int, warehouse: Warehouse) -> None:
    """Give features_v1 a constraint that lets an insert fail after the delete."""
    with duckdb.connect(str(warehouse.path)) as con:
        ddl = con.execute("select sql from duckdb_tables() where table_name = 'features_v1'").fetchall()[0][0]
        con.execute("create table kept as from features_v1; drop table features_v1")
        con.execute(ddl.rstrip(";").rstrip(")") + f", check (monthly_charges <= {limit}))")
        con.execute("insert into features_v1 from kept; drop table kept")


def test_a_table_of_another_shape_is_refused_and_kept(built: Warehouse) -> None:
    built.execute("alter table features_v1 add column satisfaction double")
    result = built.rerun(DAY)
    assert not result.success
    assert any("out of sync" in line for line in failures(result))
    assert len(built.frame("features_v1")) == 9


def test_a_retyped_raw_column_fails_in_staging_and_computes_nothing(built: Warehouse) -> None:
    built.execute("alter table raw.customers alter monthly_charges type varchar")
    result = built.dbt("run", first=DAY)
    assert not result.success
    stopped = failures(result)
    assert any("stg_raw__customers" in line and "contract" in line for line in stopped)
    assert {"features_v1", "features_v2"} <= {line.split(":")[0] for line in stopped}


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ("{from_date: '2025-03-02', to_date: '2025-03-01'}", "lies after"),
        ("{from_date: 'yesterday', to_date: '2025-03-01'}", "YYYY-MM-DD"),
        ("{from_date: '2025-02-30', to_date: '2025-03-01'}", "2025-02-30"),
    ],
)
def test_a_range_that_is_no_range_is_refused(built: Warehouse, variables: str, reason: str) -> None:
    result = built.dbt("run", "--select", "features_v1", "int_observation_candidates", "--vars", variables)
    assert not result.success
    assert any(reason in line for line in failures(result))


def test_a_day_without_observations_fails_the_build(built: Warehouse) -> None:
    tables = ("build", "--select", "features_v1", "features_v2", "--exclude-resource-type", "unit_test")
    empty = built.dbt(*tables, first=DAY + timedelta(days=7))
    assert {line.split(":")[0] for line in failures(empty)} == {"features_v1_is_not_empty", "features_v2_is_not_empty"}
    assert built.dbt(*tables, first=DAY).success


def test_one_bad_old_row_does_not_fail_today_but_fails_its_own_day(built: Warehouse) -> None:
    built.execute(f"update features_v1 set contract = null where observation_date = '{DAY}'")
    select = ("--select", "features_v1", "--resource-type", "test")
    assert built.dbt("build", *select, first=DAY + timedelta(days=1)).success
    own_day = built.dbt("build", *select, first=DAY)
    assert [line.split(":")[0] for line in failures(own_day)] == ["features_v1_attributes_are_never_blank"]


@pytest.mark.parametrize("charge", ["'nan'::double", "'inf'::double", "-1"])
def test_a_charge_that_is_no_number_of_zero_or_more_fails_the_build(built: Warehouse, charge: str) -> None:
    built.execute(f"update features_v1 set total_charges = {charge} where customer_id = 'C0'")
    built.execute(f"update features_v2 set total_refunds = {charge} where customer_id = 'C0'")
    result = built.dbt("build", "--select", "features_v1", "features_v2", "--resource-type", "test", first=DAY)
    assert {line.split(":")[0] for line in failures(result)} == {
        "features_v1_numbers_are_finite_and_not_negative",
        "features_v2_signals_are_finite_and_not_negative",
    }


def test_a_lost_observation_is_found(built: Warehouse) -> None:
    built.execute("delete from features_v2 where customer_id = 'C3'")
    result = built.dbt("build", "--select", "features_v2", "--resource-type", "test", first=DAY)
    assert [line.split(":")[0] for line in failures(result)] == ["features_v2_lost_no_observation"]


def test_after_a_build_another_process_can_open_the_warehouse(built: Warehouse) -> None:
    assert built.rerun(DAY).success
    code = "import duckdb, sys; print(duckdb.connect(sys.argv[1]).sql('select count(*) from features_v1').fetchall())"
    opened = subprocess.run([sys.executable, "-c", code, str(built.path)], capture_output=True, text=True)
    assert (opened.stdout.strip(), opened.stderr) == ("[(9,)]", "")


@pytest.mark.parametrize(
    ("rule", "weakened"),
    [
        ("{{ versions }}.known_at <= {{ day }}", "{{ versions }}.known_at <= {{ day }} + 1"),
        ("and {{ day }} < {{ versions }}.superseded_at", "and {{ day }} + 1 < {{ versions }}.superseded_at"),
    ],
)
def test_the_unit_tests_see_a_leak_of_one_day(tmp_path: Path, built: Warehouse, rule: str, weakened: str) -> None:
    project = tmp_path / "leaky"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    macro = project / "macros" / "point_in_time.sql"
    assert rule in macro.read_text()
    macro.write_text(macro.read_text().replace(rule, weakened))
    leaky = Warehouse(built.path, parse(tmp_path, project), project)
    result = leaky.dbt("test", "--select", "test_type:unit")
    failed = {line.split(":")[0] for line in failures(result)}
    assert failed >= {
        "leak_a_profile_known_a_day_later_moves_nothing",
        "leak_usage_known_a_day_later_moves_nothing",
        "leak_a_payment_or_refund_known_a_day_later_moves_nothing",
        "leak_a_ticket_or_resolution_known_a_day_later_moves_nothing",
    }


def test_the_real_extract_comes_through_unchanged_and_says_what_it_does_not_know(warehouse: Warehouse) -> None:
    assert REAL_DATA.exists(), f"the real extract must lie beside the checkout: {REAL_DATA}"
    extract = pd.read_csv(REAL_DATA, dtype=str, keep_default_na=False).sort_values("customerID", ignore_index=True)
    calendar = [DAY + timedelta(days=i % 195) for i in range(len(extract))]
    snake = {"customerID": "customer_id", "SeniorCitizen": "senior_citizen", "tenure": "tenure_months"}
    renamed = extract.rename(columns=lambda name: snake.get(name, camel_to_snake(name)))
    renamed["senior_citizen"] = renamed.senior_citizen.map({"0": "No", "1": "Yes"})
    renamed["total_charges"] = renamed.total_charges.replace({" ": None})
    renamed["observation_date"] = renamed["known_at"] = renamed["landed_on"] = calendar
    with duckdb.connect(str(warehouse.path)) as con:
        con.register("extract", renamed.drop(columns="churn"))
        con.execute("insert into raw.customers by name from extract")
    result = warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    assert result.success, failures(result)

    features = warehouse.frame("features_v2")
    assert features.customer_id.to_list() == extract.customerID.to_list()
    assert (features.contract == extract.Contract).all()
    assert (features.monthly_charges == extract.MonthlyCharges.astype(float)).all()
    blank = extract.TotalCharges.str.strip() == ""
    assert blank.sum() == 11
    assert (features.total_charges[blank] == 0.0).all()
    assert (features.total_charges[~blank] == extract.TotalCharges[~blank].astype(float)).all()
    v1 = list(FEATURE_SETS["v1"].names)
    assert features[v1].notna().all().all()
    assert features.drop(columns=[*KEYS, "attributes_known_at", *v1]).isna().all().all()


def camel_to_snake(name: str) -> str:
    """`StreamingTV` → `streaming_tv`, `PaperlessBilling` → `paperless_billing`."""
    return "".join(f"_{c}" if c.isupper() and i and name[i - 1].islower() else c for i, c in enumerate(name)).lower()
