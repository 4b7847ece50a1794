"""Counting alarms: laws over made-up monitors, and examples by hand."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from churn_platform.flows.drift_bench.alarms import (
    Alarm,
    Detection,
    alarm_days,
    detect,
    detected_share,
    episodes,
    median_days,
    per_year,
    worst_days,
)

DAYS = 40
alarms_on_a_day = st.frozensets(
    st.builds(Alarm, st.sampled_from("abc"), st.sampled_from(["warning", "critical"])), max_size=3
)
monitors = st.dictionaries(st.integers(0, DAYS - 1), alarms_on_a_day, max_size=15)


def on(*days: int, subject: str = "a", level: str = "critical") -> dict[int, frozenset[Alarm]]:
    return {day: frozenset({Alarm(subject, level)}) for day in days}  # type: ignore[arg-type]


@given(monitors, st.integers(0, DAYS - 1))
def test_what_the_calm_life_says_too_is_never_a_detection(monitor: dict[int, frozenset[Alarm]], change: int) -> None:
    assert not detect(monitor, monitor, change, DAYS - 1).detected


@given(monitors, monitors, st.integers(0, DAYS - 1))
def test_a_detection_lies_in_the_days_watched_and_names_only_what_was_said_then(
    planted: dict[int, frozenset[Alarm]], calm: dict[int, frozenset[Alarm]], change: int
) -> None:
    found = detect(planted, calm, change, DAYS - 1)
    if found.days is None:
        assert found.days_at_least == DAYS - change
        return
    assert 0 <= found.days < found.watched
    said = {alarm.subject for alarm in planted[change + found.days]}
    assert found.subjects
    assert set(found.subjects) <= said


@given(monitors, monitors, st.integers(0, DAYS - 1))
def test_a_noisier_calm_life_never_makes_a_detection_sooner(
    planted: dict[int, frozenset[Alarm]], calm: dict[int, frozenset[Alarm]], change: int
) -> None:
    quiet = detect(planted, {}, change, DAYS - 1)
    noisy = detect(planted, calm, change, DAYS - 1)
    assert noisy.days_at_least >= quiet.days_at_least


@given(monitors, st.integers(0, 10))
def test_episodes_are_between_the_subjects_and_their_days(monitor: dict[int, frozenset[Alarm]], gap: int) -> None:
    subjects = {alarm.subject for there in monitor.values() for alarm in there}
    subject_days = {(day, alarm.subject) for day, there in monitor.items() for alarm in there}
    assert len(subjects) <= episodes(monitor, gap) <= len(subject_days)


@given(monitors)
def test_a_longer_gap_never_makes_more_episodes(monitor: dict[int, frozenset[Alarm]]) -> None:
    counted = [episodes(monitor, gap) for gap in range(DAYS)]
    assert counted == sorted(counted, reverse=True)


@given(monitors, st.integers(0, 10))
def test_critical_episodes_are_no_more_than_critical_days(monitor: dict[int, frozenset[Alarm]], gap: int) -> None:
    only_critical = {
        day: frozenset(alarm for alarm in there if alarm.level == "critical") for day, there in monitor.items()
    }
    assert episodes(monitor, gap, ("critical",)) == episodes(only_critical, gap)


@given(monitors, monitors, st.integers(0, DAYS - 1))
def test_a_wider_gap_never_makes_a_detection_sooner(
    planted: dict[int, frozenset[Alarm]], calm: dict[int, frozenset[Alarm]], change: int
) -> None:
    days = [detect(planted, calm, change, DAYS - 1, gap).days_at_least for gap in range(8)]
    assert days == sorted(days)


def test_an_alarm_that_the_calm_life_raises_a_few_days_later_is_luck() -> None:
    assert detect(on(12), on(15), change_day=10, last_day=20, gap=0).days == 2
    assert not detect(on(12), on(15), change_day=10, last_day=20, gap=7).detected


def test_an_alarm_that_goes_on_from_the_eve_of_the_change_notices_nothing() -> None:
    assert not detect(on(8, 9, 10, 11, 12), {}, change_day=10, last_day=20).detected


def test_an_alarm_that_ended_and_comes_again_after_the_change_is_a_detection() -> None:
    assert detect(on(9, 12), {}, change_day=10, last_day=20).days == 2


def test_an_alarm_on_the_day_of_the_change_is_a_detection_on_day_nought() -> None:
    assert detect(on(10), {}, change_day=10, last_day=20) == Detection(10, 11, 0, "critical", ("a",))


def test_a_warning_detects_as_a_critical_alarm_does() -> None:
    assert detect(on(11, level="warning"), {}, change_day=10, last_day=20).days == 1


def test_a_level_that_rises_within_an_episode_is_no_new_episode() -> None:
    monitor = {**on(1, level="warning"), **on(2, level="critical")}
    assert (episodes(monitor, 7), episodes(monitor, 7, ("critical",)), alarm_days(monitor)) == (1, 1, 2)


def test_a_change_that_was_never_noticed_takes_all_the_days_watched() -> None:
    noticed, missed = Detection(90, 60, 3), Detection(90, 60, None)
    assert worst_days([noticed, missed]) == 60
    assert median_days([noticed, missed]) == 31.5
    assert detected_share([noticed, missed]) == 0.5


def test_a_blind_monitor_is_not_the_fastest_one() -> None:
    blind = [Detection(90, 60, 0), *[Detection(90, 60, None)] * 8]
    slow = [Detection(90, 60, 10)] * 9
    assert median_days(blind) > median_days(slow)  # type: ignore[operator]


@pytest.mark.parametrize(("count", "days", "rate"), [(2, 730, 1.0), (1, 90, 365 / 90), (0, 365, 0.0), (3, 0, None)])
def test_counts_become_yearly_rates(count: int, days: int, rate: float | None) -> None:
    assert per_year(count, days) == rate


def test_without_planted_changes_there_are_no_figures() -> None:
    assert (median_days([]), worst_days([]), detected_share([])) == (None, None, None)
