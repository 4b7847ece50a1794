"""The laws of the feature SQL, on random rows: what is known later moves nothing, an oracle agrees, nobody is lost.

The compiled SQL runs on an in-memory catalog, so a case takes milliseconds instead of a build.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import pandas as pd
import pytest
from dbt_warehouse import Row, create_raw_tables, customer, failures, invoke, land, parse
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from point_in_time_oracle import outcome, profile, signals

from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.tables import RAW_TABLES

FIRST, LAST = date(2025, 6, 1), date(2025, 6, 8)
KEYS = ["customer_id", "observation_date"]
Tables = dict[str, list[Row]]
LAWS = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


class FeatureSql:
    """The project's compiled models over FIRST..LAST, on raw tables in memory."""

    def __init__(self, compiled: dict[str, str]) -> None:
        self.con = duckdb.connect()
        self.con.execute("attach ':memory:' as warehouse")
        create_raw_tables(self.con, "warehouse")
        # the one table of the middle layer is a table here too, filled for each case
        self.candidates = compiled["int_observation_candidates"]
        for model, sql in compiled.items():
            kind = "table" if model == "int_observation_candidates" else "view"
            self.con.execute(f"create {kind} warehouse.main.{model} as {sql}")

    def on(self, tables: Tables, *models: str) -> list[pd.DataFrame]:
        """Each of `models` computed on `tables`, sorted by customer and day."""
        self.con.execute("begin")
        for table in RAW_TABLES:
            self.con.execute(f"delete from warehouse.raw.{table}")
            land(self.con, table, tables.get(table, []), "warehouse")
        self.con.execute("delete from warehouse.main.int_observation_candidates")
        self.con.execute(f"insert into warehouse.main.int_observation_candidates {self.candidates}")
        frames = [self.con.execute(f"from warehouse.main.{model} order by 1, 2").df() for model in models]
        self.con.execute("commit")
        return frames

    def features(self, tables: Tables, day: date | None = None) -> pd.DataFrame:
        """features_v2 (v1's columns are among them), of one day if given."""
        (frame,) = self.on(tables, "features_v2")
        return frame if day is None else frame[frame.observation_date == pd.Timestamp(day)].reset_index(drop=True)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("compiled")
    path = folder / "warehouse.duckdb"
    duckdb.connect(str(path)).close()
    variables = f"{{from_date: '{FIRST}', to_date: '{LAST}'}}"
    result = invoke(path, ["compile", "--vars", variables], manifest=parse(folder))
    assert result.success, failures(result)
    models = [r.node for r in result.result.results if str(r.node.resource_type) == "model"]
    return in_order({node.name: node.compiled_code for node in models})


def in_order(sql: dict[str, str]) -> dict[str, str]:
    """Models after the models they read."""
    ordered: dict[str, str] = {}
    while len(ordered) < len(sql):
        ready = {
            name: code
            for name, code in sorted(sql.items())
            if name not in ordered and set(re.findall(r'"main"\."(\w+)"', code)) <= set(ordered)
        }
        assert ready, "models that read each other"
        ordered |= ready
    return ordered


@pytest.fixture(scope="module")
def sql(compiled: dict[str, str]) -> Iterator[FeatureSql]:
    feature_sql = FeatureSql(compiled)
    yield feature_sql
    feature_sql.con.close()


# ------------------------------------------------------------------ random rows


def around(earliest: int, latest: int) -> st.SearchStrategy[date]:
    """A day `earliest` to `latest` days from FIRST."""
    return st.integers(earliest, latest).map(lambda offset: FIRST + timedelta(days=offset))


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


WHO = st.sampled_from(["A", "B", "C"])
MONEY = st.integers(0, 40).map(lambda quarters: quarters / 4)


@st.composite
def customers(draw: st.DrawFn) -> Row:
    # few distinct days, so that versions, announcements and late rows meet
    day = draw(st.sampled_from([-28, -25, 0, 2, 5, 7]).map(lambda offset: FIRST + timedelta(days=offset)))
    announced = draw(st.sampled_from([None, 2, 5, 27, 30, 32]))
    return customer(
        draw(WHO),
        day,
        known_at=day + timedelta(days=draw(st.sampled_from([0, 0, 0, 1, 2, 6]))),
        next_observation_date=None if announced is None else day + timedelta(days=announced),
        tenure_months=draw(st.integers(0, 70)),
        total_charges=draw(maybe(MONEY)),
        internet_type=draw(maybe(st.sampled_from(["Cable", "None"]))),
        unlimited_data=draw(maybe(st.sampled_from(["No", "Yes"]))),
        number_of_referrals=draw(maybe(st.integers(0, 9))),
    )


@st.composite
def account_usage(draw: st.DrawFn) -> Row:
    end = FIRST - timedelta(days=30 * draw(st.integers(0, 5)))
    return {
        "customer_id": draw(st.sampled_from(["A", "A", "B"])),
        "period_end": end,
        "months": draw(st.sampled_from([1, 1, 1, 1, 24])),
        "known_at": end + timedelta(days=draw(st.sampled_from([0, 0, 1, 3, 8]))),
        "data_gb": draw(MONEY),
        "extra_data_charges": draw(MONEY),
        "long_distance_charges": draw(MONEY),
    }


@st.composite
def invoices(draw: st.DrawFn) -> Row:
    who, due = draw(WHO), draw(maybe(around(-190, 10) | st.just(FIRST - timedelta(days=178))))
    paid_after = draw(maybe(st.integers(-5, 30)))
    return {
        "invoice_id": f"{who}{draw(st.integers(0, 2))}",
        "customer_id": who,
        "invoice_date": FIRST - timedelta(days=200),
        "months": 1,
        "known_at": draw(around(-40, 9)),
        "amount": 50.0,
        "refunds": draw(MONEY),
        "due_date": due,
        "paid_on": None if due is None or paid_after is None else due + timedelta(days=paid_after),
    }


@st.composite
def support_tickets(draw: st.DrawFn) -> Row:
    who, opened = draw(WHO), draw(around(-190, 8) | st.just(FIRST - timedelta(days=85)))
    open_for = draw(maybe(st.integers(0, 20)))
    return {
        "ticket_id": f"{who}{draw(st.integers(0, 2))}",
        "customer_id": who,
        "opened_on": opened,
        "resolved_on": None if open_for is None else opened + timedelta(days=open_for),
        "known_at": draw(around(-40, 9)),
        "topic": "other",
        "severity": "low",
    }


@st.composite
def churn_events(draw: st.DrawFn) -> Row:
    left = draw(around(-2, 40))
    return {
        "customer_id": draw(st.sampled_from(["B", "C"])),
        "churned_on": left,
        "known_at": left + timedelta(days=draw(st.integers(0, 4))),
    }


TABLES = st.fixed_dictionaries(
    {
        "customers": st.lists(customers(), min_size=5, max_size=10),
        "account_usage": st.lists(account_usage(), min_size=12, max_size=24),
        "invoices": st.lists(invoices(), max_size=10),
        "support_tickets": st.lists(support_tickets(), max_size=10),
        "churn_events": st.lists(churn_events(), max_size=2),
    }
)


# ------------------------------------------------------------------ the leak law


@LAWS
@given(tables=TABLES, day=around(0, 7))
def test_what_is_known_only_after_the_day_changes_no_feature_of_the_day(
    sql: FeatureSql, tables: Tables, day: date
) -> None:
    known = {table: [row for row in rows if row["known_at"] <= day] for table, rows in tables.items()}
    assert as_values(sql.features(tables, day)) == as_values(sql.features(known, day))


def test_the_leak_law_sees_a_leak_of_one_day(compiled: dict[str, str]) -> None:
    rule = re.compile(r"(\w+\.known_at <= \w+\.observation_date)")
    assert sum(len(rule.findall(code)) for code in compiled.values()) == 4
    leaky = FeatureSql({model: rule.sub(r"\1 + 1", code) for model, code in compiled.items()})

    def leaks(tables: Tables) -> bool:
        known = {table: [row for row in rows if row["known_at"] <= FIRST] for table, rows in tables.items()}
        return as_values(leaky.features(tables, FIRST)) != as_values(leaky.features(known, FIRST))

    assert find(TABLES, leaks, settings=settings(LAWS, phases=[Phase.generate]))


def usage_row(known_at: date) -> Row:
    row = {"customer_id": "A", "period_end": FIRST - timedelta(days=9), "months": 1, "known_at": known_at}
    return row | {"data_gb": 30.0, "extra_data_charges": 1.0, "long_distance_charges": 1.0}


def paid_invoice(known_at: date) -> Row:
    due = FIRST - timedelta(days=9)
    row = {"invoice_id": "A1", "customer_id": "A", "invoice_date": due, "months": 1, "known_at": known_at}
    return row | {"amount": 50.0, "refunds": 5.0, "due_date": due, "paid_on": due}


def closed_ticket(known_at: date) -> Row:
    opened = FIRST - timedelta(days=9)
    row = {"ticket_id": "A1", "customer_id": "A", "opened_on": opened, "resolved_on": FIRST, "known_at": known_at}
    return row | {"topic": "other", "severity": "low"}


LATE_ROWS: dict[str, Callable[[date], Row]] = {
    "customers": lambda known_at: customer("A", FIRST, known_at=known_at, contract="Two year"),
    "account_usage": usage_row,
    "invoices": paid_invoice,
    "support_tickets": closed_ticket,
    "churn_events": lambda known_at: {"customer_id": "A", "churned_on": FIRST, "known_at": known_at},
}


@pytest.mark.parametrize("table", LATE_ROWS)
def test_a_row_known_on_the_day_counts_and_one_known_a_day_later_does_not(sql: FeatureSql, table: str) -> None:
    before = {"customers": [customer("A", FIRST - timedelta(days=30))]}
    without = sql.features(before, FIRST)
    assert without.customer_id.to_list() == ["A"]

    def plus(known_at: date) -> Tables:
        return before | {table: [*before.get(table, []), LATE_ROWS[table](known_at)]}

    pd.testing.assert_frame_equal(sql.features(plus(FIRST + timedelta(days=1)), FIRST), without)
    assert not sql.features(plus(FIRST), FIRST).equals(without)


# ------------------------------------------------------------------ the oracle


@LAWS
@given(tables=TABLES)
def test_an_independent_computation_of_every_feature_and_outcome_agrees(sql: FeatureSql, tables: Tables) -> None:
    features, outcomes = sql.on(tables, "features_v2", "observation_outcomes")
    expected: list[Row] = []
    expected_outcomes: list[Row] = []
    for who in "ABC":
        for day in (FIRST + timedelta(days=i) for i in range((LAST - FIRST).days + 1)):
            newest = profile(tables, who, day)
            if newest is None:
                continue
            key = {"customer_id": who, "observation_date": day}
            total = 0.0 if newest["tenure_months"] == 0 and newest["total_charges"] is None else newest["total_charges"]
            attributes = {name: newest.get(name) for name in FEATURE_SETS["v1"].names} | {"total_charges": total}
            loyalty = {name: newest.get(name) for name in ("internet_type", "unlimited_data", "number_of_referrals")}
            age = {"attributes_known_at": newest["known_at"]}
            expected.append(key | age | attributes | loyalty | signals(tables, who, day))
            came = outcome(tables, who, day)
            if came is not None:
                matured = {"matured_on": day + timedelta(days=30)}
                expected_outcomes.append(key | matured | {"churned_on": came[0], "churn_known_at": came[1]})
    assert as_values(features) == approximately(expected)
    assert as_values(outcomes) == expected_outcomes


def as_values(frame: pd.DataFrame) -> list[Row]:
    """Rows as plain values: dates as dates, missing as None."""
    return [
        {
            str(name): None if pd.isna(value) else value.date() if isinstance(value, pd.Timestamp) else value
            for name, value in row.items()
        }
        for row in frame.to_dict("records")
    ]


def approximately(rows: list[Row]) -> list[Row]:
    return [
        {name: pytest.approx(value) if isinstance(value, float) else value for name, value in row.items()}
        for row in rows
    ]


# ------------------------------------------------------------------ nobody is lost


@LAWS
@given(tables=TABLES)
def test_every_customer_row_of_the_range_is_observed_or_excluded_with_a_reason(sql: FeatureSql, tables: Tables) -> None:
    v1, v2, excluded = sql.on(tables, "features_v1", "features_v2", "int_observations_excluded")
    assert v1[KEYS].equals(v2[KEYS])
    observed = set(v1[KEYS].itertuples(index=False, name=None))
    left_out = set(excluded[KEYS].itertuples(index=False, name=None))
    assert len(observed) + len(left_out) == len(v1) + len(excluded)
    assert not observed & left_out
    landed = {(row["customer_id"], pd.Timestamp(row["observation_date"])) for row in tables["customers"]}
    in_range = {(who, day) for who, day in landed if pd.Timestamp(FIRST) <= day <= pd.Timestamp(LAST)}
    assert in_range <= observed | left_out


def test_a_late_customers_file_makes_profiles_old_and_loses_nobody(sql: FeatureSql) -> None:
    month_ago = FIRST - timedelta(days=30)
    on_time = {"customers": [customer(who, day) for who in "ABC" for day in (month_ago, FIRST)]}
    late = {
        "customers": [
            *(customer(who, month_ago) for who in "ABC"),
            *(customer(who, FIRST, known_at=FIRST + timedelta(days=2)) for who in "ABC"),
        ]
    }
    for tables, known_at in ((on_time, FIRST), (late, month_ago)):
        features = sql.features(tables, FIRST)
        assert features.customer_id.to_list() == ["A", "B", "C"]
        assert set(features.attributes_known_at) == {pd.Timestamp(known_at)}


# ------------------------------------------------------------------ determinism


def test_features_do_not_depend_on_the_order_in_which_rows_landed(sql: FeatureSql) -> None:
    # 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1
    usage = [
        {"customer_id": "A", "period_end": end, "months": 1, "known_at": end, "data_gb": gb}
        | {"extra_data_charges": gb, "long_distance_charges": gb}
        for gb, end in ((0.1, date(2025, 1, 31)), (0.2, date(2025, 2, 28)), (0.3, date(2025, 3, 31)))
    ]
    people = {"customers": [customer("A", FIRST)]}
    forwards = sql.features(people | {"account_usage": usage})
    naive = "select sum(data_gb) from warehouse.raw.account_usage"
    naive_forwards = sql.con.execute(naive).fetchall()[0][0]
    backwards = sql.features(people | {"account_usage": usage[::-1]})
    naive_backwards = sql.con.execute(naive).fetchall()[0][0]
    pd.testing.assert_frame_equal(forwards, backwards, check_exact=True)
    assert naive_forwards != naive_backwards, "the control: a sum without an order does depend on it"
