"""From recorded findings to a message that arrives: flows, sensors and commands over a real ops store and a server at home."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from alert_homes import BY, FIRST, found, home_at, platform_of, record_week
from channel_servers import WebServer, web_server
from typer.testing import CliRunner

from churn_platform.adapters import clock
from churn_platform.adapters.platform import Platform
from churn_platform.cli.tickets import app
from churn_platform.flows import alerting

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)  # a Monday, after the review's hour


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A wall clock that tests move."""

    class Clock:
        time = NOW

        def forward(self, **span: float) -> None:
            self.time += timedelta(**span)

    moved = Clock()
    monkeypatch.setattr(clock, "now", lambda: moved.time)
    return moved


@pytest.fixture
def platform(home: Path, now: Any, monkeypatch: pytest.MonkeyPatch) -> Platform:
    for channel in ("SLACK", "PAGERDUTY", "EMAIL", "WEBHOOK"):
        monkeypatch.delenv(f"CHURN_{channel}_URL", raising=False)
    return platform_of(home)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    with web_server() as server:
        monkeypatch.setenv("CHURN_WEBHOOK_URL", f"{server.address}/hook")
        yield server


def keys(web: WebServer) -> list[str]:
    return [body["key"] for body in web.bodies]


def test_a_week_of_findings_becomes_tickets_and_their_messages_arrive(platform: Platform, web: WebServer) -> None:
    record_week(platform)
    changes = alerting.raise_tickets(platform)
    assert changes.considered == 14
    assert [(one.strands, one.state, one.pages) for one in platform.ops.tickets()] == [
        (("data",), "open", True),
        (("late",), "open", False),
    ]
    cause = platform.ops.ticket(1).cause
    assert cause is not None
    assert cause.name == "pricing_change"
    done = alerting.deliver(platform)
    assert done.sent == 2
    assert done.undeliverable == 5  # the page on three, the message on two channels that nobody has configured
    assert sorted(keys(web)) == ["T-1/opened-0/webhook", "T-2/opened-0/webhook"]
    assert platform.ops.verify_ledger().verdict == "pass"


def test_every_step_done_again_does_nothing(platform: Platform, web: WebServer) -> None:
    record_week(platform)
    for _step in range(3):
        alerting.raise_tickets(platform)
        alerting.deliver(platform)
        alerting.review_week(platform)
    entries = platform.ops.ledger()
    sent = keys(web)
    assert len(sent) == len(set(sent))
    alerting.raise_tickets(platform)
    alerting.deliver(platform)
    assert platform.ops.ledger() == entries


def test_evidence_a_day_at_a_time_is_the_same_as_all_at_once(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_week(platform)
    alerting.raise_tickets(platform)
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "other"))
    other = platform_of(tmp_path / "other")
    for number in range(7):
        record_week(other, days=1 + number)
        alerting.raise_tickets(other)
    assert [(one.strands, one.days, one.severity, one.pages) for one in platform.ops.tickets()] == [
        (one.strands, one.days, one.severity, one.pages) for one in other.ops.tickets()
    ]


def test_no_channel_at_all_is_visible_and_lost_is_nothing(platform: Platform, now: Any) -> None:
    record_week(platform)
    alerting.raise_tickets(platform)
    assert alerting.deliver(platform).undeliverable == 7
    told = platform.ops.deliveries()
    assert {one.state for one in told} == {"undeliverable"}
    assert {one.detail.split(":")[0] for one in told} == {"no channel configured"}
    with web_server() as web, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHURN_WEBHOOK_URL", web.address)
        assert alerting.deliver(platform).sent == 2  # one message for each ticket that is open
        assert alerting.deliver(platform).sent == 0


@pytest.mark.parametrize("status", [500, 0])
def test_a_channel_that_fails_or_hangs_is_tried_again_with_patience_until_it_answers(
    platform: Platform, web: WebServer, now: Any, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = platform.policies.changed("alerts.delivery.timeout", timedelta(seconds=0.3), reason="a test must be fast")
    monkeypatch.setitem(platform.__dict__, "policies", quick)
    record_week(platform)
    alerting.raise_tickets(platform)
    web.status = status
    waits = [0, 30, 60, 120, 240, 480, 3600, 3600]
    for attempt, wait in enumerate(waits, start=1):
        now.forward(seconds=wait)
        assert alerting.deliver(platform).failed == 1  # one timeout a pass, not one for each message
        assert len(web.requests) == attempt
        now.forward(seconds=1)
    states = [one.state for one in platform.ops.deliveries() if one.message.channel == "webhook"]
    assert set(states) <= {"failing", "overdue", "queued"}
    web.status = 200
    web.requests.clear()
    now.forward(hours=2)
    assert alerting.deliver(platform).sent == 2
    assert sorted(keys(web)) == ["T-1/opened-0/webhook", "T-2/opened-0/webhook"]


def test_what_nobody_acknowledges_escalates_and_what_somebody_has_taken_does_not(platform: Platform, now: Any) -> None:
    record_week(platform)
    alerting.raise_tickets(platform)
    alerting.acknowledge(platform, 1, "ada")
    now.forward(minutes=31)
    assert alerting.raise_tickets(platform).of("escalated") == ("T-2",)
    now.forward(days=3)
    assert alerting.raise_tickets(platform).events == ()


def test_two_at_once_decide_one_after_the_other(platform: Platform, home: Path) -> None:
    record_week(platform)
    ready = threading.Barrier(4)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            ready.wait()
            alerting.raise_tickets(platform)
        except BaseException as error:  # a thread's error must reach the test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(platform.ops.tickets()) == 2
    assert len({one.message.key for one in platform.ops.deliveries()}) == len(platform.ops.deliveries()) == 7
    assert platform.ops.verify_ledger().verdict == "pass"


def test_a_simulated_life_sends_nothing(platform: Platform, web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    home_at(platform.settings.home, simulated=True)
    with clock.simulated_time(NOW):
        record_week(platform)
        alerting.raise_tickets(platform)
        assert alerting.deliver(platform).undeliverable == 7
    assert web.requests == []
    assert {one.message.title.split()[0] for one in platform.ops.deliveries()} == {"[simulated]"}


def test_the_weekly_review_is_queued_once_a_week_and_not_before_there_was_anything(
    platform: Platform, now: Any
) -> None:
    assert alerting.review_week(platform) == 0
    record_week(platform)
    alerting.raise_tickets(platform)
    assert alerting.review_week(platform) == 3
    now.forward(days=3)
    assert alerting.review_week(platform) == 0
    now.forward(days=4)
    assert alerting.review_week(platform) == 3


# Sensors


@pytest.fixture
def sensors(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Any:
    from churn_platform.defs.sensors import tickets

    monkeypatch.setattr(tickets, "installed_platform", lambda: platform)
    return tickets


def tick(sensor: Any, cursor: str | None = None) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        return sensor.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor))


def test_the_sensor_reacts_once_to_new_evidence(platform: Platform, sensors: Any, web: WebServer) -> None:
    assert "no findings" in tick(sensors.tickets_from_findings).skip_message
    record_week(platform)
    first = tick(sensors.tickets_from_findings)
    assert "14 reports considered, opened T-1, T-2" in first.skip_message
    assert "2 sent" in first.skip_message
    assert first.cursor == str(platform.ops.findings()[-1].sequence)
    again = tick(sensors.tickets_from_findings, first.cursor)
    assert "no findings" in again.skip_message
    # a daemon that was killed before it saved its cursor finds everything done
    lost = tick(sensors.tickets_from_findings, None)
    assert "0 reports considered, no ticket changed; 0 messages queued; 0 sent" in lost.skip_message
    assert len(keys(web)) == len(set(keys(web))) == 2


def test_the_clock_escalates_reviews_and_sends(platform: Platform, sensors: Any, web: WebServer, now: Any) -> None:
    record_week(platform)
    tick(sensors.tickets_from_findings)
    now.forward(hours=1)
    told = tick(sensors.ticket_clock).skip_message
    assert "escalated T-1, T-2" in told
    assert "3 review messages queued; 3 sent" in told
    assert sum("review" in key for key in keys(web)) == 1


def test_the_weekly_schedule_runs_the_review_at_the_policys_hour(
    platform: Platform, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn_platform.defs import jobs, resources
    from churn_platform.defs.schedules import weekly_review

    assert weekly_review.cron_schedule == "0 8 * * mon"
    record_week(platform)
    monkeypatch.setattr(resources, "installed_platform", lambda: platform)
    done = jobs.weekly_review_job.execute_in_process(
        resources={"platform": resources.PlatformResource()}, instance=dg.DagsterInstance.ephemeral()
    )
    assert done.success
    assert keys(web) == ["review-2026-06-08/webhook"]


# Commands


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_the_commands_show_take_and_close_a_ticket(platform: Platform) -> None:
    record_week(platform)
    listed = json.loads(run("tickets", "--json").stdout)
    assert [(one["ticket"], one["severity"], one["cause"]) for one in listed["tickets"]] == [
        ("T-2", "critical", None),
        ("T-1", "critical", "pricing_change"),
    ]
    assert "customers look different (monthly_charges); likely pricing_change" in run("tickets").stdout
    taken = json.loads(run("ticket", "ack", "1", "--by", "ada", "--json").stdout)
    assert (taken["state"], taken["acknowledged_by"]) == ("acknowledged", "ada")
    closed = json.loads(run("ticket", "resolve", "2", "--by", "ada", "--note", "the file came", "--json").stdout)
    assert (closed["state"], closed["resolution"]) == ("resolved", "the file came")
    assert [one["ticket"] for one in json.loads(run("tickets", "--open", "--json").stdout)["tickets"]] == ["T-1"]
    shown = run("ticket", "show", "1").stdout
    for part in (
        "acknowledged by ada",
        "drift.data.psi 0.2",
        "docs/runbooks/data_drift.md",
        "fired by service:platform",
    ):
        assert part in shown


def test_a_wrong_call_says_what_there_is(platform: Platform) -> None:
    record_week(platform)
    run("tickets")
    for words, told in (
        (("ticket", "show", "9"), "there is no ticket T-9: there are T-1 to T-2"),
        (("ticket", "ack", "9", "--by", "ada"), "there is no ticket T-9"),
        (("ticket", "resolve", "1", "--by", "ada", "--note", " "), "say with --note"),
    ):
        failed = run(*words)
        assert told in str(failed.exception)


def test_a_home_in_which_nothing_has_run_says_so(home: Path) -> None:
    assert run("tickets").exit_code == 3
    assert not home.exists()


def test_the_channels_are_tried_by_command_and_what_fails_fails_the_command(
    platform: Platform, web: WebServer, now: Any
) -> None:
    told = json.loads(run("alerts", "test", "--json").stdout)
    assert {one["channel"]: one["ok"] for one in told["channels"]} == {
        "slack": False,
        "pagerduty": False,
        "email": False,
        "webhook": True,
    }
    assert [body["kind"] for body in web.bodies] == ["test"]
    web.status = 500
    now.forward(minutes=1)
    failed = run("alerts", "test", "--json")
    assert failed.exit_code == 1
    assert "webhook answered 500" in failed.stdout
    # and a test that failed is not tried again
    web.status = 200
    alerting.deliver(platform)
    assert len(web.requests) == 2


def test_what_is_due_can_be_sent_by_command(platform: Platform, web: WebServer) -> None:
    record_week(platform)
    told = json.loads(run("alerts", "send", "--json").stdout)
    assert (told["considered"], told["tickets"], told["sent"]) == (14, ["T-1", "T-2"], 3)


def test_a_late_feed_has_its_ticket_on_the_same_day(platform: Platform) -> None:
    platform.ops.record_findings(FIRST, "schema", None, [found("feed_late", "invoices", "critical", FIRST)], **BY)
    alerting.raise_tickets(platform)
    assert platform.ops.ticket(1).first_day == FIRST
