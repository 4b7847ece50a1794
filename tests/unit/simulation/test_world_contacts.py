"""Contacts: they help some, annoy some, are wasted on most, by exactly what the truth says."""

from __future__ import annotations

import pandas as pd
import pytest

from churn_platform.simulation.contacts import ContactListError
from churn_platform.simulation.identity import UnknownCustomerError
from churn_platform.simulation.world import World

DAY = pd.Timedelta(days=1)


def small(**changes: object) -> World:
    arguments = {"customers": 600, "seed": 4, "background_contacts": False} | changes
    return World(**arguments)  # type: ignore[arg-type]


def live_with_contacts(arm: str | None) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Two months in which everybody is contacted on the day after their billing day: truths, churn events, contacts."""
    world = World(customers=8_000, seed=9, background_contacts=False)
    world.opening()
    truths, events, contacts = [], [], []
    for number in range(61):
        landing = world.day(world.next_date)
        if number < 30:
            truths.append(landing.truth)
            if arm is not None:
                world.contact(landing.truth[["customer_id"]].assign(arm=arm))
        events.append(landing.tables["churn_events"])
        contacts.append(landing.tables["retention_contacts"])
    return pd.concat(truths), pd.concat(events), pd.concat(contacts)


def leavers(truth: pd.DataFrame, events: pd.DataFrame) -> pd.Series:
    churned_on = truth["customer_id"].map(events.set_index("customer_id")["churned_on"])
    return (churned_on > truth["observation_date"]) & (churned_on <= truth["observation_date"] + 30 * DAY)


@pytest.fixture(scope="module")
def untreated() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return live_with_contacts(None)


@pytest.fixture(scope="module")
def treated() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return live_with_contacts("treatment")


def test_leavers_come_as_the_true_probabilities_say(untreated: tuple[pd.DataFrame, ...]) -> None:
    truth, events, _ = untreated
    left = leavers(truth, events)
    for _, part in truth.assign(left=left).groupby(pd.qcut(truth["leave_probability"], 5)):
        expected = part["leave_probability"].sum()
        spread = (part["leave_probability"] * (1 - part["leave_probability"])).sum() ** 0.5
        assert abs(part["left"].sum() - expected) < 4 * spread


def test_contacts_keep_as_many_as_the_true_uplift_says(
    untreated: tuple[pd.DataFrame, ...], treated: tuple[pd.DataFrame, ...]
) -> None:
    key = ["customer_id", "observation_date"]
    truth = untreated[0].merge(treated[0], on=key, suffixes=("", "_treated"))
    assert len(truth) > 7_000
    assert (truth["leave_probability"] == truth["leave_probability_treated"]).all()  # nobody is contacted before it
    kept = leavers(truth, untreated[1]).astype(int) - leavers(truth, treated[1]).astype(int)
    for response, part in truth.assign(kept=kept).groupby("response"):
        expected = part["uplift"].sum()
        # one draw decides both worlds, so only those between the two probabilities differ
        spread = part["uplift"].abs().sum() ** 0.5
        assert abs(part["kept"].sum() - expected) <= 4 * spread, response
        if response == "indifferent":
            assert (part["kept"] == 0).all()
        if response == "persuadable":
            assert part["kept"].sum() > 20
            assert (part["kept"] >= 0).all()
        if response == "annoyed":
            assert part["kept"].sum() < -5
            assert (part["kept"] <= 0).all()


def test_control_contacts_change_nothing_for_anybody(untreated: tuple[pd.DataFrame, ...]) -> None:
    truth, events, contacts = live_with_contacts("control")
    pd.testing.assert_frame_equal(truth, untreated[0])
    pd.testing.assert_frame_equal(events, untreated[1])
    assert len(contacts) > 6_000
    assert contacts["offer"].isna().all()
    assert contacts["accepted"].isna().all()
    assert (contacts["cost"] == 0).all()


def test_an_answer_comes_later_except_on_the_phone_and_an_accepted_offer_costs() -> None:
    world = small()
    world.opening()
    truth = world.day(world.next_date).truth
    world.contact(
        truth[["customer_id"]].assign(channel=["call", "email"] * (len(truth) // 2) + ["sms"] * (len(truth) % 2))
    )
    rows = pd.concat([world.day(world.next_date).tables["retention_contacts"] for _ in range(5)])
    first = rows[rows["known_at"] == rows["contacted_on"]].set_index("contact_id")
    later = rows[rows["known_at"] > rows["contacted_on"]].set_index("contact_id")
    assert len(first) == len(truth)
    assert first["accepted"].notna().eq(first["channel"] == "call").all()
    assert set(later.index) == set(first.index[first["channel"] != "call"])
    assert later["accepted"].notna().all()
    answered = pd.concat([first[first["channel"] == "call"], later])
    assert set(answered.loc[answered["accepted"] == "Yes", "cost"]) <= {26.0, 20.5, 20.2}
    assert set(answered.loc[answered["accepted"] == "No", "cost"]) <= {6.0, 0.5, 0.2}


def test_the_background_programme_contacts_a_few_at_random_both_arms() -> None:
    world = World(customers=6_000, seed=2)
    world.opening()
    days = [world.day(world.next_date) for _ in range(90)]
    rows = pd.concat([day.tables["retention_contacts"] for day in days]).drop_duplicates("contact_id")
    assert min(len(day.tables["retention_contacts"]) for day in days[1:]) >= 1
    assert 0.005 < len(rows) / sum(day.summary.observed for day in days) < 0.02
    assert 0.35 < (rows["arm"] == "treatment").mean() < 0.65


def test_a_second_contact_within_a_cycle_changes_nothing_more() -> None:
    one, two = small(), small()
    for world in (one, two):
        world.opening()
        listed = world.day(world.next_date).truth[["customer_id"]]
        world.contact(listed)
        world.day(world.next_date)
    two.contact(listed)
    events = [pd.concat([world.day(world.next_date).tables["churn_events"] for _ in range(28)]) for world in (one, two)]
    pd.testing.assert_frame_equal(*events)


def test_who_has_left_is_counted_and_not_contacted() -> None:
    world = small()
    world.opening()
    gone = pd.concat([world.day(world.next_date).tables["churn_events"] for _ in range(20)])["customer_id"]
    here = world.day(world.next_date).truth["customer_id"]
    receipt = world.contact(pd.DataFrame({"customer_id": pd.concat([gone, here])}))
    assert (receipt.planned, receipt.had_left) == (len(here), len(gone))
    assert len(world.day(world.next_date).tables["retention_contacts"]) == len(here)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("channel", "pigeon", "channel 'pigeon' is unknown to the telco; it knows call, email, sms"),
        ("arm", "both", "arm 'both' is unknown"),
        ("offer", "free phone", "offer 'free phone' is unknown to the telco; it knows courtesy, discount, upgrade"),
    ],
)
def test_what_the_telco_does_not_know_is_refused_by_name(column: str, value: str, said: str) -> None:
    world = small()
    listed = world.opening().truth[["customer_id"]].head(3)
    with pytest.raises(ContactListError, match=said):
        world.contact(listed.assign(**{column: value}))


def test_strangers_and_repeated_customers_are_refused() -> None:
    world = small()
    listed = world.opening().truth[["customer_id"]].head(3)
    with pytest.raises(UnknownCustomerError, match="'nobody'"):
        world.contact(pd.DataFrame({"customer_id": ["nobody"]}))
    with pytest.raises(ContactListError, match="were never customers here, the first is '9999-ZZZZZ'"):
        world.contact(pd.DataFrame({"customer_id": ["9999-ZZZZZ"]}))
    with pytest.raises(ContactListError, match="stands twice"):
        world.contact(pd.concat([listed, listed]))
    world.contact(listed)
    with pytest.raises(ContactListError, match="stands twice"):
        world.contact(listed.head(1))
