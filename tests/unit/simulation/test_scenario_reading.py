"""A scenario that cannot be right is refused on load, by file, line, key, and with what is allowed."""

from __future__ import annotations

import pytest
import yaml

from churn_platform.simulation.scenario import (
    Scenario,
    ScenarioError,
    packaged_scenarios,
    parse_scenario,
    scenario_named,
)

HEAD = "name: mine\nabout: a test\ncause: me\neffects:\n"


def refused(effect: str) -> str:
    with pytest.raises(ScenarioError) as error:
        parse_scenario(HEAD + effect, "mine.yml")
    return str(error.value)


@pytest.mark.parametrize("name", sorted(packaged_scenarios()))
def test_every_packaged_scenario_survives_writing_and_reading(name: str) -> None:
    scenario = packaged_scenarios()[name]
    text = yaml.safe_dump(scenario.model_dump(mode="json", exclude_none=True))
    assert parse_scenario(text, "again.yml") == scenario


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (
            "- {effect: explode, start_day: 1}",
            "mine.yml, line 5, effects.0: unknown effect 'explode'; allowed: shift, scale, add_hazard",
        ),
        ("- {start_day: 1}", "unknown effect None; allowed: shift"),
        (
            "- effect: scale\n  start_day: 1\n  by: 2\n  column: customers.monthly_charge",
            "mine.yml, line 8, effects.0.column: unknown quantity 'customers.monthly_charge'; allowed: account_usage.data_gb",
        ),
        (
            "- effect: scale\n  start_day: 1\n  column: invoices.refunds\n  by: 0",
            "line 8, effects.0.by: Input should be greater than 0",
        ),
        ("- {effect: shift, start_day: 1, column: invoices.refunds}", "effects.0.by: Field required"),
        ("- effect: add_hazard\n  start_day: 1\n  odds: 2\n  hazzard: 3", "line 8, effects.0.hazzard: unknown key"),
        (
            "- {effect: add_hazard, start_day: -1, odds: 2}",
            "effects.0.start_day: Input should be greater than or equal to 0",
        ),
        ("- {effect: add_hazard, start_day: 9, end_day: 9, odds: 2}", "end_day 9 must be after start_day 9"),
        (
            "- {effect: add_hazard, start_day: 1, odds: 2, category: Weather}",
            "unknown churn category 'Weather'; allowed: Attitude",
        ),
        (
            "- {effect: add_hazard, start_day: 1, odds: 2, segment: {mood: [bad]}}",
            "effects.0.segment: unknown segment column 'mood'; allowed: contract",
        ),
        (
            "- {effect: add_hazard, start_day: 1, odds: 2, segment: {contract: [Three year]}}",
            "unknown value of contract 'Three year'; allowed: Month-to-month, One year, Two year",
        ),
        (
            "- {effect: add_hazard, start_day: 1, odds: 2, segment: {tenure_months: ['1']}}",
            "tenure_months takes a range",
        ),
        ("- {effect: add_hazard, start_day: 1, odds: 2, segment: {contract: {at_most: 2}}}", "contract takes a list"),
        (
            "- {effect: adopt, start_day: 1, column: gender, value: Male, share_per_month: 0.1}",
            "unknown column to adopt 'gender'",
        ),
        (
            "- {effect: adopt, start_day: 1, column: streaming_tv, value: No internet service, share_per_month: 0.1}",
            "follows from internet_type None",
        ),
        (
            "- {effect: mix_of_joiners, start_day: 1, column: tenure_months, value: '1', share: 0.1}",
            "unknown column of joiners",
        ),
        (
            "- {effect: mix_of_joiners, start_day: 1, column: contract, value: Two year, share: 0.1, segment: {partner: [Yes]}}",
            "joiners have no segment yet",
        ),
        (
            "- {effect: delay, start_day: 1, table: crm, days: 2}",
            "unknown table 'crm'; allowed: customers, account_usage",
        ),
        ("- {effect: delay, start_day: 1, table: customers}", "give exactly one of days, hours, until_day"),
        ("- {effect: delay, start_day: 1, table: customers, days: 2, hours: 48}", "give exactly one of"),
        (
            "- {effect: delay, start_day: 1, table: customers, hours: 36}",
            "effects.0.hours: Input should be a multiple of 24",
        ),
        ("- {effect: delay, start_day: 5, table: customers, until_day: 5}", "until_day 5 must be after start_day 5"),
        (
            "- {effect: drop, start_day: 1, table: customers, column: churn}",
            "unknown column of customers 'churn'; allowed: observation_date",
        ),
        (
            "- {effect: drop, start_day: 1, table: customers, column: customer_id}",
            "unknown column of customers 'customer_id'",
        ),
        ("- {effect: drop, start_day: 1, table: customers, column: gender, ramp_days: 3}", "a file has one shape"),
        (
            "- {effect: retype, start_day: 1, table: customers, column: gender, to: decimal_comma}",
            "gender is a category: only text",
        ),
        (
            "- {effect: retype, start_day: 1, table: customers, column: gender, to: blob}",
            "Input should be 'text', 'decimal_comma'",
        ),
        (
            "- {effect: change_unit, start_day: 1, table: customers, column: gender, factor: 2}",
            "gender is a category: only a number",
        ),
        (
            "- {effect: blank, start_day: 1, table: customers, column: gender, share: 1.5}",
            "share: Input should be less than or equal to 1",
        ),
        (
            "- {name: a, effect: drop, start_day: 1, table: customers, column: gender}\n" * 2,
            "two effects are called 'a'",
        ),
    ],
)
def test_a_wrong_effect_is_refused_with_the_way_out(effect: str, said: str) -> None:
    assert said in refused(effect)


def test_every_mistake_is_told_at_once() -> None:
    told = refused(
        "- {effect: scale, start_day: 1, column: x, by: 2}\n- {effect: drop, start_day: 1, table: y, column: z}"
    ).splitlines()
    assert [line[: line.index(",", 12)] for line in told] == ["mine.yml, line 5", "mine.yml, line 6"]


def test_text_that_is_no_scenario_is_refused() -> None:
    for text, said in (
        ("[1, 2]", "is a mapping"),
        ("a: [", "is not YAML"),
        ("name: Mine!", "name: String should match pattern"),
    ):
        with pytest.raises(ScenarioError, match=said):
            parse_scenario(text, "mine.yml")


def test_a_bare_yes_of_yaml_is_the_word() -> None:
    text = (
        HEAD
        + "- {effect: adopt, start_day: 1, column: streaming_tv, value: Yes, share_per_month: 0.1, segment: {partner: [No]}}"
    )
    scenario = parse_scenario(text, "mine.yml")
    quoted = parse_scenario(text.replace("Yes", "'Yes'").replace("[No]", "['No']"), "mine.yml")
    assert scenario == quoted


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match="there is no scenario 'clam'; there are calm, competitor_offer"):
        scenario_named("clam")


def test_calm_has_no_first_change() -> None:
    calm = scenario_named("calm")
    assert isinstance(calm, Scenario)
    assert calm.start_day is None
