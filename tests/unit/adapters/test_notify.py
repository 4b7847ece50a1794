"""Channels, against servers of our own on loopback: what arrives, what failing looks like, and that no address leaks."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from apprise.plugins import pagerduty, slack
from channel_servers import MailServer, WebServer, mail_server, web_server

from churn_platform.adapters.notify import CHANNELS, NOT_CONFIGURED, REPEATED, Channels, Sent, channels_from
from churn_platform.alerts.messages import Message
from churn_platform.policies.alerting import Channel

SECOND = timedelta(seconds=1)
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
PAGER = "pagerduty://routingkey0123456789abcdef0123@apikey0123456789"


def message(channel: Channel, closes: bool = False, body: str = "data_drift contract: psi 0.4") -> Message:
    key = f"T-1/opened-0/{channel}"
    return Message(key, "T-1", "opened", channel, "[critical] T-1 opened", body, "critical", "churn-T-1-abc", closes)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def channels(web: WebServer, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> Channels:
    """All four, at home: Slack's and PagerDuty's fixed hosts are replaced by the local server."""
    monkeypatch.setattr(slack.NotifySlack, "webhook_url", f"{web.address}/slack")
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"{web.address}/pagerduty")
    return channels_from(
        {
            "CHURN_SLACK_URL": SLACK,
            "CHURN_PAGERDUTY_URL": PAGER,
            "CHURN_EMAIL_URL": f"mailto://127.0.0.1:{mail.port}?from=churn@example.org&to=oncall@example.org",
            "CHURN_WEBHOOK_URL": f"{web.address}/hook",
        }
    )


def test_a_webhook_gets_the_message_and_a_key_to_know_it_by(channels: Channels, web: WebServer) -> None:
    assert channels.send(message("webhook"), SECOND).ok
    (request,) = web.requests
    assert request.path == "/hook"
    assert request.headers["Idempotency-Key"] == "T-1/opened-0/webhook"
    assert {
        "ticket": "T-1",
        "kind": "opened",
        "severity": "critical",
        "thread": "churn-T-1-abc",
    }.items() <= request.body.items()
    assert request.body["title"] == "[critical] T-1 opened"
    assert request.body["message"] == "data_drift contract: psi 0.4"


def test_pagerduty_gets_the_tickets_thread_as_its_deduplication_key(channels: Channels, web: WebServer) -> None:
    assert channels.send(message("pagerduty"), SECOND).ok
    assert channels.send(message("pagerduty", closes=True), SECOND).ok
    opened, closed = web.bodies
    assert (opened["event_action"], opened["dedup_key"]) == ("trigger", "churn-T-1-abc")
    assert opened["payload"]["severity"] == "critical"
    assert "[critical] T-1 opened" in opened["payload"]["summary"]
    assert (closed["event_action"], closed["dedup_key"]) == ("resolve", "churn-T-1-abc")


def test_pagerduty_is_never_sent_more_than_it_takes(channels: Channels, web: WebServer) -> None:
    assert channels.send(message("pagerduty", body="long " * 1000), SECOND).ok
    assert len(web.bodies[0]["payload"]["summary"]) <= 1024


def test_slack_gets_title_and_text(channels: Channels, web: WebServer) -> None:
    assert channels.send(message("slack"), SECOND).ok
    assert web.requests[0].path.startswith("/slack/")
    text = str(web.bodies[0])
    assert "T-1 opened" in text
    assert "psi 0.4" in text


def test_email_arrives_with_subject_text_and_key(channels: Channels, mail: MailServer) -> None:
    assert channels.send(message("email"), SECOND).ok
    (one,) = mail.mails
    assert one["Subject"] == "[critical] T-1 opened"
    assert one["To"] == "oncall@example.org"
    assert one["X-Churn-Message"] == "T-1/opened-0/email"
    body = one.get_body(("plain",))
    assert body is not None
    assert "psi 0.4" in body.get_content()


def test_a_channel_that_answers_a_byte_at_a_time_costs_its_timeout_too() -> None:
    with socket.socket() as dripping:
        dripping.bind(("127.0.0.1", 0))
        dripping.listen()
        ended = threading.Event()

        def drip() -> None:
            line, _ = dripping.accept()
            with line, contextlib.suppress(OSError):
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not ended.wait(0.1):
                    line.sendall(b".")

        threading.Thread(target=drip, daemon=True).start()
        channels = channels_from({"CHURN_WEBHOOK_URL": f"http://127.0.0.1:{dripping.getsockname()[1]}"})
        began = time.monotonic()
        assert (
            channels.send(message("webhook"), timedelta(seconds=0.5)).detail
            == "webhook did not answer within 0.5 seconds"
        )
        assert time.monotonic() - began < 3
        ended.set()


def test_a_process_that_was_forked_from_one_that_has_sent_can_send(channels: Channels, web: WebServer) -> None:
    assert channels.send(message("webhook"), SECOND).ok
    pid = os.fork()
    if pid == 0:
        os._exit(0 if channels.send(message("webhook"), SECOND).ok else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert len(web.requests) == 2


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_repeat_says_that_it_may_be_one(
    channels: Channels, web: WebServer, mail: MailServer, channel: Channel
) -> None:
    assert channels.send(message(channel), SECOND, repeated=True).ok
    received = str(web.bodies[0]) if channel != "email" else str(mail.mails[0])
    assert " ".join(REPEATED.split()[:5]) in " ".join(received.replace("=\n", "").split())


@pytest.mark.parametrize("channel", ["slack", "pagerduty", "webhook"])
@pytest.mark.parametrize("status", [500, 503, 404, 401])
def test_an_error_answer_is_a_failure_with_its_number(
    channels: Channels, web: WebServer, channel: Channel, status: int
) -> None:
    web.status = status
    assert channels.send(message(channel), SECOND) == Sent(False, f"{channel} answered {status}")


def test_a_channel_that_hangs_costs_its_timeout_and_no_more(channels: Channels, web: WebServer) -> None:
    web.status = 0
    began = time.monotonic()
    sent = channels.send(message("webhook"), timedelta(seconds=0.5))
    assert time.monotonic() - began < 3
    assert not sent.ok
    assert sent.detail in ("webhook did not answer within 0.5 seconds", "webhook could not be reached")


def test_a_mail_server_that_hangs_costs_its_timeout_too() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        channels = channels_from(
            {"CHURN_EMAIL_URL": f"mailto://127.0.0.1:{silent.getsockname()[1]}?from=a@b.org&to=c@d.org"}
        )
        began = time.monotonic()
        assert not channels.send(message("email"), timedelta(seconds=0.5)).ok
        assert time.monotonic() - began < 3


def test_a_channel_that_refuses_is_a_failure(channels: Channels, mail: MailServer) -> None:
    mail.refuse = True
    assert not channels.send(message("email"), SECOND).ok
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        gone = channels_from({"CHURN_WEBHOOK_URL": f"http://127.0.0.1:{nobody.getsockname()[1]}"})
    assert gone.send(message("webhook"), SECOND).detail == "webhook could not be reached"


def test_a_library_that_raises_is_a_failure_without_its_words(
    channels: Channels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(*_: object, **__: object) -> None:
        raise RuntimeError(f"cannot use {SLACK}")

    monkeypatch.setattr(slack.NotifySlack, "notify", surprise)
    sent = channels.send(message("slack"), SECOND)
    assert (sent.ok, sent.detail) == (False, "slack could not be used: RuntimeError")


def test_nothing_is_configured_by_default_and_each_channel_says_so() -> None:
    channels = channels_from({})
    assert channels.configured == frozenset()
    assert {
        channel: problem.startswith(NOT_CONFIGURED) for channel, problem in channels.problems.items()
    } == dict.fromkeys(CHANNELS, True)


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("CHURN_SLACK_URL", "mailto://secret"),
        ("CHURN_PAGERDUTY_URL", "https://secret"),
        ("CHURN_EMAIL_URL", "secret"),
        ("CHURN_WEBHOOK_URL", "ftp://secret"),
    ],
)
def test_an_address_of_another_kind_is_told_by_its_variable_and_not_repeated(variable: str, address: str) -> None:
    (problem,) = [text for text in channels_from({variable: address}).problems.values() if NOT_CONFIGURED not in text]
    assert problem.startswith(f"{variable} is not an address of")
    assert "secret" not in problem


def test_an_address_that_apprise_cannot_read_fails_without_being_repeated() -> None:
    channels = channels_from({"CHURN_SLACK_URL": "slack://secret"})
    sent = channels.send(message("slack"), SECOND)
    assert not sent.ok
    assert "secret" not in sent.detail


def test_no_address_reaches_a_log_a_repr_or_an_outcome(
    channels: Channels, web: WebServer, capfd: pytest.CaptureFixture[str]
) -> None:
    secrets = ("TIiajkdnlazkcOXrIdevi7FQ", "routingkey0123456789", "apikey0123456789")
    logged = io.StringIO()
    # a handler as an installation has it; pytest's own would also listen to loggers that tell nobody
    handler, root = logging.StreamHandler(logged), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        told = []
        for web.status in (200, 500):
            told += [channels.send(message(channel), SECOND).detail for channel in ("slack", "pagerduty")]
        everything = " ".join([logged.getvalue(), *told, repr(channels), *capfd.readouterr()])
        assert [secret for secret in secrets if secret in everything] == []
        logging.getLogger("elsewhere").debug("control: %s would be seen", SLACK)
        assert secrets[0] in logged.getvalue()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
