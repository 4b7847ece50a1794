"""Alerting under fire: kill -9 while tickets are raised and messages are sent; with controls that show that these tests can see.

What holds: no ticket is lost and none is doubled; no message is lost; a message is sent twice only where its sender was killed between
sending and recording, and then it says so and carries the same key.
"""

from __future__ import annotations

import collections
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alert_homes import platform_of, record_week
from channel_servers import WebServer, web_server

from churn_platform.adapters import clock
from churn_platform.adapters.notify import REPEATED
from churn_platform.adapters.ops_store import OpsStore, deliveries, tickets
from churn_platform.adapters.ops_store import ledger as ledger_module
from churn_platform.adapters.platform import ACTOR, Platform, open_platform
from churn_platform.flows import alerting

CODE = ("flows/alerting", "adapters/ops_store", "churn_platform/alerts", "adapters/notify")
STORE = ("flows/alerting", "adapters/ops_store", "adapters/atomic_files")
NOW = datetime(2026, 6, 4, 9, tzinfo=UTC)
POINTS = 30


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    for channel in ("SLACK", "PAGERDUTY", "EMAIL"):
        monkeypatch.delenv(f"CHURN_{channel}_URL", raising=False)
    with web_server() as server:
        monkeypatch.setenv("CHURN_WEBHOOK_URL", f"{server.address}/hook")
        yield server


@pytest.fixture
def homes(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Platform]:
    """A fresh copy of a home with a recorded week, as often as one is asked for."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    platform = platform_of(home)
    record_week(platform)
    platform.ops.close()
    saved = home.with_name("saved")
    shutil.copytree(home, saved)

    def fresh() -> Platform:
        shutil.rmtree(home)
        shutil.copytree(saved, home)
        return open_platform("ibm")

    return fresh


def outcome(platform: Platform) -> Any:
    return (
        [(one.strands, one.days, one.state, one.severity, one.pages) for one in platform.ops.tickets()],
        sorted(one.message.key for one in platform.ops.deliveries()),
    )


def attributed(platform: Platform) -> list[tuple[int, int]]:
    events = [event for one in platform.ops.tickets() for event in platform.ops.ticket_events(one.ticket)]
    return [tuple(place) for event in events if event.kind == "fired" for place in event.details["findings"]]


def raise_in_a_process_of_its_own() -> None:
    alerting.raise_tickets(open_platform("ibm"))


def test_tickets_raised_under_kill_at_any_line_are_those_of_a_clean_run(homes: Any, kills: Any) -> None:
    clean = homes()
    alerting.raise_tickets(clean)
    expected, places = outcome(clean), sorted(attributed(clean))
    homes()
    lines = kills.lines(raise_in_a_process_of_its_own, *CODE)
    killed = 0
    for number in kills.some_of(lines, POINTS):
        platform = homes()
        killed += kills.before_line(number, raise_in_a_process_of_its_own, *CODE)
        alerting.raise_tickets(platform)
        assert outcome(platform) == expected, f"killed before line {number} of {lines}"
        assert sorted(attributed(platform)) == places
        assert platform.ops.verify_ledger().verdict == "pass"
        platform.ops.close()
    assert killed == POINTS


def test_marking_evidence_apart_from_its_tickets_would_lose_or_double_some(
    homes: Any, kills: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same change in two transactions."""

    def in_two(
        self: OpsStore, events: Any, messages: Any = (), *, version: int, considered: Any = (), **by: Any
    ) -> int:
        with ledger_module.change(self._engine, self._anchor, by["at"], by["actor"]) as change:
            tickets.record_considered(change, considered)
        with ledger_module.change(self._engine, self._anchor, by["at"], by["actor"]) as change:
            for event in events:
                tickets.record(change, event)
            return deliveries.queue(change, messages)

    clean = homes()
    alerting.raise_tickets(clean)
    expected = outcome(clean)
    monkeypatch.setattr(OpsStore, "change_tickets", in_two)
    homes()
    lines = kills.lines(raise_in_a_process_of_its_own, *CODE)
    broken = 0
    for number in kills.some_of(lines, 15):
        platform = homes()
        kills.before_line(number, raise_in_a_process_of_its_own, *CODE)
        alerting.raise_tickets(platform)
        broken += outcome(platform) != expected
        platform.ops.close()
    assert broken


def deliver_in_a_process_of_its_own() -> None:
    alerting.deliver(open_platform("ibm"))


def ready_to_deliver(homes: Any) -> Platform:
    platform: Platform = homes()
    alerting.raise_tickets(platform)
    return platform


def after_the_lease(monkeypatch: pytest.MonkeyPatch, platform: Platform) -> None:
    """A minute later than any claim lasts, the next sender comes."""
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: NOW + timedelta(minutes=5))
        alerting.deliver(platform)


def test_messages_sent_under_kill_at_any_line_are_never_lost_and_repeats_are_known_as_such(
    homes: Any, kills: Any, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready_to_deliver(homes)
    lines = kills.lines(deliver_in_a_process_of_its_own, *STORE)
    wanted = {body["key"] for body in web.bodies}
    assert len(wanted) == 2
    repeats = 0
    for number in kills.some_of(lines, POINTS):
        platform = ready_to_deliver(homes)
        web.requests.clear()
        kills.before_line(number, deliver_in_a_process_of_its_own, *STORE)
        after_the_lease(monkeypatch, platform)
        count = collections.Counter(body["key"] for body in web.bodies)
        assert set(count) == wanted, f"killed before line {number} of {lines}"
        twice = [key for key, times in count.items() if times > 1]
        assert len(twice) <= 1, "at most the one message that was in the sender's hands"
        for key in twice:
            same = [one for one in web.requests if one.body["key"] == key]
            assert len({one.headers["Idempotency-Key"] for one in same}) == 1
            assert REPEATED in same[-1].body["message"]
        repeats += len(twice)
        assert {one.state for one in platform.ops.deliveries() if one.message.channel == "webhook"} == {"sent"}
        assert platform.ops.verify_ledger().verdict == "pass"
        platform.ops.close()
    assert repeats, "some kills fall between sending and recording: a test that never meets one proves nothing about it"


def test_recording_before_sending_would_lose_messages(
    homes: Any, kills: Any, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: at most once is a message lost with its sender."""

    def record_first(platform: Platform, channels: Any, claim: Any, done: Any) -> bool:
        platform.ops.record_sent(claim, "surely", actor=ACTOR, at=platform.now())
        done.sent += 1
        return bool(channels.send(claim.message, timedelta(seconds=1)).ok)

    monkeypatch.setattr(alerting, "_deliver_one", record_first)
    ready_to_deliver(homes)
    within = (*STORE, "adapters/notify")
    lines = kills.lines(deliver_in_a_process_of_its_own, *within)
    wanted = {body["key"] for body in web.bodies}
    lost = 0
    for number in kills.some_of(lines, 25):
        platform = ready_to_deliver(homes)
        web.requests.clear()
        kills.before_line(number, deliver_in_a_process_of_its_own, *within)
        after_the_lease(monkeypatch, platform)
        lost += {body["key"] for body in web.bodies} != wanted
        platform.ops.close()
    assert lost


def test_senders_in_several_processes_send_each_message_once(homes: Any, web: WebServer) -> None:
    platform = ready_to_deliver(homes)
    platform.ops.close()
    children = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                deliver_in_a_process_of_its_own()
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    keys = [body["key"] for body in web.bodies]
    assert len(keys) == len(set(keys)) == 2


def test_a_sender_killed_while_its_channel_hangs_leaves_the_message_to_the_next(
    homes: Any, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = ready_to_deliver(homes)
    platform.ops.close()
    web.status = 0
    pid = os.fork()
    if pid == 0:
        deliver_in_a_process_of_its_own()
        os._exit(0)
    deadline = time.monotonic() + 20
    while not web.requests:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    web.status = 200
    web.released.set()
    assert alerting.deliver(platform).sent == 1  # the other message; the killed sender's is still held
    after_the_lease(monkeypatch, platform)
    assert {body["key"] for body in web.bodies} == {"T-1/opened-0/webhook", "T-2/opened-0/webhook"}
    assert {one.state for one in platform.ops.deliveries() if one.message.channel == "webhook"} == {"sent"}
