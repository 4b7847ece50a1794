"""Sending messages: Slack, PagerDuty, e-mail and webhooks, through apprise.

What belongs here: the channels' addresses, which come from the environment alone and appear in no log, record or message, and one
message on its way. What does not: when a message is sent and what is done if it fails (`flows/alerting`).

| channel | variable | address |
|---|---|---|
| slack | `CHURN_SLACK_URL` | `https://hooks.slack.com/services/…` or apprise's `slack://…` |
| pagerduty | `CHURN_PAGERDUTY_URL` | apprise's `pagerduty://INTEGRATION_KEY@API_KEY` |
| email | `CHURN_EMAIL_URL` | apprise's `mailtos://USER:PASSWORD@HOST?from=…&to=…` |
| webhook | `CHURN_WEBHOOK_URL` | `https://…` or apprise's `jsons://…` |

PagerDuty gets the ticket's thread as deduplication key, and a webhook the message's key as `Idempotency-Key`: a message that has to
be sent twice is one there. Slack and e-mail know no such key; a repeated message says so in its text.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import get_args
from urllib.parse import urlencode

from churn_platform.alerts.messages import Message
from churn_platform.policies.alerting import Channel

CHANNELS: tuple[Channel, ...] = get_args(Channel)
NOT_CONFIGURED = "no channel configured"
_SCHEMES: Mapping[Channel, tuple[str, ...]] = {
    "slack": ("slack", "https"),
    "pagerduty": ("pagerduty",),
    "email": ("mailto", "mailtos"),
    "webhook": ("json", "jsons", "http", "https"),
}
_EXAMPLES: Mapping[Channel, str] = {
    "slack": "https://hooks.slack.com/services/… or slack://…",
    "pagerduty": "pagerduty://INTEGRATION_KEY@API_KEY",
    "email": "mailtos://USER:PASSWORD@HOST?from=…&to=…",
    "webhook": "https://… or jsons://…",
}
REPEATED = "This message may be a repeat: its first sender ended before it could record that it was sent."


def variable_of(channel: Channel) -> str:
    """The environment variable that holds a channel's address.

    >>> variable_of("slack")
    'CHURN_SLACK_URL'
    """
    return f"CHURN_{channel.upper()}_URL"


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of sending: `detail` is a sentence without any address in it."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels that this installation can use; `problems` says of each other one why not."""

    addresses: Mapping[Channel, str] = field(repr=False)
    problems: Mapping[Channel, str]

    @property
    def configured(self) -> frozenset[Channel]:
        """Those that have an address."""
        return frozenset(self.addresses)

    def send(self, message: Message, timeout: timedelta, *, repeated: bool = False) -> Sent:
        """Send one message, waiting at most `timeout`; never raises for what the other side does."""
        import apprise

        _keep_quiet()
        seconds = timeout.total_seconds()
        service = apprise.Apprise.instantiate(
            _with(self.addresses[message.channel], _options(message, seconds)), suppress_exceptions=True
        )
        if service is None:
            return Sent(False, _unreadable(message.channel))
        body = f"{message.body}\n{REPEATED}" if repeated else message.body
        kind = {"info": "info", "warning": "warning", "critical": "failure"}[message.severity]
        notify_type = apprise.NotifyType("success" if message.closes else kind)
        listener = _Listener()

        def send() -> bool:
            # the service itself, not the library's dispatcher: that one keeps threads which a forked process does not have
            with listener:
                return bool(service.notify(body=body, title=message.title, notify_type=notify_type, body_format="text"))

        try:
            accepted = _within(send, seconds)
        except TimeoutError:
            return Sent(False, f"{message.channel} did not answer within {seconds:g} seconds")
        except Exception as error:
            # a library's own surprise is an outcome like any other, and its text may hold the address
            return Sent(False, f"{message.channel} could not be used: {type(error).__name__}")
        return (
            Sent(True, f"{message.channel} accepted it")
            if accepted
            else Sent(False, _why(message.channel, listener.told))
        )


class _Listener(logging.Handler):
    """What the library logs in this thread while a message is on its way."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []
        self.thread = 0

    def __enter__(self) -> None:
        self.thread = threading.get_ident()
        logging.getLogger("apprise").addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, if it is of this thread."""
        if record.thread == self.thread:
            self.told.append(record.getMessage())


def _within(work: Callable[[], bool], seconds: float) -> bool:
    """The work's answer; TimeoutError after `seconds`.

    In a thread of its own that nobody waits for: socket timeouts count from one byte to the next, so a channel that answers a byte
    at a time would hold its sender for ever, and a pool of threads would not survive a fork.
    """
    answers: list[bool] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="churn-notify", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError
    return answers[0]


def channels_from(environment: Mapping[str, str] | None = None) -> Channels:
    """The channels that `environment` (the process's own by default) configures."""
    values = os.environ if environment is None else environment
    addresses: dict[Channel, str] = {}
    problems: dict[Channel, str] = {}
    for channel in CHANNELS:
        address = values.get(variable_of(channel), "").strip()
        if not address:
            problems[channel] = f"{NOT_CONFIGURED}: {variable_of(channel)} is not set"
        elif address.partition("://")[0].lower() not in _SCHEMES[channel]:
            problems[channel] = _unreadable(channel)
        else:
            addresses[channel] = _in_apprise(channel, address)
    return Channels(addresses, problems)


def _in_apprise(channel: Channel, address: str) -> str:
    """A plain web address as apprise spells it."""
    scheme, _, rest = address.partition("://")
    if channel == "webhook":
        return {"http": "json", "https": "jsons"}.get(scheme.lower(), scheme) + "://" + rest
    return address


def _options(message: Message, seconds: float) -> dict[str, str]:
    options = {"cto": f"{seconds:g}", "rto": f"{seconds:g}", "overflow": "truncate"}
    if message.channel == "pagerduty":
        severity = {"info": "info", "warning": "warning", "critical": "critical"}[message.severity]
        options |= {"dedup": message.thread, "severity": severity, "action": "resolve" if message.closes else "trigger"}
        options |= {"group": message.kind, "image": "no"}
    if message.channel == "webhook":
        options |= {"+Idempotency-Key": message.key, ":key": message.key, ":thread": message.thread}
        options |= {":ticket": message.ticket or "", ":kind": message.kind, ":severity": message.severity}
    if message.channel == "email":
        options |= {"+X-Churn-Message": message.key, "format": "text"}
    if message.channel == "slack":
        options |= {"image": "no", "footer": "no"}
    return options


def _with(address: str, options: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(options)}"


def _unreadable(channel: Channel) -> str:
    return f"{variable_of(channel)} is not an address of {channel}: write it as {_EXAMPLES[channel]}"


def _why(channel: Channel, told: list[str]) -> str:
    """Why it failed, in our own words: what the library says may hold the address."""
    for line in told:
        answered = re.search(r"error=(\d{3})", line)
        if answered:
            return f"{channel} answered {answered.group(1)}"
    if any("refused" in line.lower() for line in told):
        return f"{channel} refused the message"
    return f"{channel} could not be reached"


def _keep_quiet() -> None:
    """The library's lines go to nobody but us: they name hosts and paths, which are keys on some channels."""
    library = logging.getLogger("apprise")
    library.propagate = False
    for name in ("apprise", "urllib3", "requests_oauthlib"):
        logging.getLogger(name).setLevel(logging.WARNING)
