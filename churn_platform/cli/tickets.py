"""The verbs of tickets and alerts: `churn tickets`, `churn ticket show|ack|resolve`, `churn alerts test|send`.

What belongs here: words for people, one JSON object for machines. What does not: what a ticket is (`alerts/`), answers
(`flows/ticket_answers`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from churn_platform.cli.app import FAILED, NOTHING_YET, CallError, Json, app
from churn_platform.cli.terminal import answer, escape, installed

if TYPE_CHECKING:
    from churn_platform.adapters.platform import Platform

ticket_app = typer.Typer(no_args_is_help=True, help="One ticket: show it, acknowledge it, resolve it.")
alerts_app = typer.Typer(no_args_is_help=True, help="The channels on which alerts are told.")
app.add_typer(ticket_app, name="ticket")
app.add_typer(alerts_app, name="alerts")

Number = Annotated[int, typer.Argument(metavar="N", help="the ticket's number, as 3 for T-3")]
By = Annotated[str, typer.Option("--by", help="Who you are: it is recorded.")]


@app.command()
def tickets(
    unresolved: Annotated[bool, typer.Option("--open", help="Only those that are not resolved.")] = False,
    as_json: Json = False,
) -> None:
    """All tickets, newest first. Findings that no daemon has considered yet are considered first."""
    from churn_platform.flows.alerting import raise_tickets
    from churn_platform.flows.ticket_answers import tickets_answer

    platform = _lived_in()
    raise_tickets(platform)
    answer(as_json, tickets_answer(platform, unresolved), _tickets_lines)


@ticket_app.command()
def show(number: Number, as_json: Json = False) -> None:
    """What fired and how far, since when, whose it is, what happened, who was told, and which runbook to open."""
    _answer_ticket(_lived_in(), number, as_json)


@ticket_app.command()
def ack(number: Number, by: By, as_json: Json = False) -> None:
    """Say that you have taken it: it does not escalate any more."""
    from churn_platform.flows.alerting import acknowledge

    platform = _lived_in()
    with _said_plainly():
        acknowledge(platform, number, by)
    _answer_ticket(platform, number, as_json)


@ticket_app.command()
def resolve(
    number: Number,
    by: By,
    note: Annotated[str, typer.Option("--note", help="What was done, or why nothing had to be.")],
    as_json: Json = False,
) -> None:
    """Say that it is over, and why. If it fires again on a later day, it is reopened."""
    from churn_platform.flows.alerting import resolve as resolve_ticket

    platform = _lived_in()
    with _said_plainly():
        resolve_ticket(platform, number, by, note)
    _answer_ticket(platform, number, as_json)


@alerts_app.command("test")
def try_channels(as_json: Json = False) -> None:
    """Send a test message through every configured channel, and say which are not configured."""
    from churn_platform.flows.alerting import send_test

    told = send_test(_lived_in())
    answer(as_json, told, _channels_lines)
    if not told["ok"]:
        raise typer.Exit(FAILED)


@alerts_app.command()
def send(as_json: Json = False) -> None:
    """Consider new findings, escalate what is overdue, and send what is due: what the daemon does every half minute."""
    from churn_platform.flows.alerting import deliver, raise_tickets, review_week

    platform = _lived_in()
    changes, reviewed = raise_tickets(platform), review_week(platform)
    done = deliver(platform)
    told = {
        "considered": changes.considered,
        "tickets": list(changes.tickets),
        "queued": changes.queued + reviewed,
        "sent": done.sent,
        "failed": done.failed,
        "undeliverable": done.undeliverable,
        "details": list(dict.fromkeys(done.details)),
    }
    answer(as_json, told, lambda _: [changes.summary, escape(done.summary)])
    if done.failed:
        raise typer.Exit(FAILED)


def _lived_in() -> Platform:
    """The installation; exit code 3 where nothing has run yet."""
    from churn_platform.adapters.home import read_home

    platform = installed(None)
    if read_home(platform.settings) is None:
        typer.echo(f"Nothing has run in {platform.settings.home} yet. Start with churn run.", err=True)
        raise typer.Exit(NOTHING_YET)
    return platform


@contextmanager
def _said_plainly() -> Iterator[None]:
    """An unknown ticket and an act that cannot be are wrong calls."""
    from churn_platform.adapters.ops_store import UnknownTicket
    from churn_platform.alerts.tickets import TicketError

    try:
        yield
    except (UnknownTicket, TicketError) as error:
        raise CallError(str(error)) from error


def _answer_ticket(platform: Platform, number: int, as_json: bool) -> None:
    from churn_platform.flows.ticket_answers import ticket_answer

    with _said_plainly():
        answer(as_json, ticket_answer(platform, number), _ticket_lines)


_COLOURS = {"critical": "bold red", "warning": "yellow"}


def _tickets_lines(found: Mapping[str, Any]) -> Iterator[str]:
    for one in found["tickets"]:
        fired = one["first_day"] if one["first_day"] == one["last_day"] else f"{one['first_day']} to {one['last_day']}"
        yield f"[bold]{one['ticket']:<5}[/]{_severity(one)}, {_state(one)}, with {escape(one['owner'])}, fired {fired}"
        likely = f"; likely {one['cause']}" if one["cause"] else ""
        yield f"     {escape(one['title'] + likely)}"
    yield f"{found['open']} open, {found['acknowledged']} acknowledged, {found['resolved']} resolved"
    untold = {state: count for state, count in found["messages"].items() if state != "sent"}
    if untold:
        yield "Messages not sent: " + ", ".join(f"{count} {state}" for state, count in sorted(untold.items()))


def _ticket_lines(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"[bold]{one['ticket']}[/] {_severity(one)}, {_state(one)}: {escape(one['title'])}"
    for line in one["lines"]:
        yield f"  {escape(line)}"
    if one["causes"]:
        likely = one["causes"][-1]
        because = f": {'; '.join(likely['because'])}" if likely["because"] else ""
        yield f"Likely cause  {escape(likely['name'] + because)}"
    yield f"Fired         on {len(one['days'])} days, {one['first_day']} to {one['last_day']}"
    minutes = one["escalation"]["after_seconds"] / 60
    wait = f"{minutes:g} minutes" if minutes < 120 else f"{minutes / 60:g} hours"
    yield f"Owner         {one['owner']}; without acknowledgement it goes to {one['escalation']['to']} after {wait}"
    if one["resolution"]:
        yield f"Resolved      by {escape(str(one['resolved_by']))}: {escape(one['resolution'])}"
    for number, (path, value) in enumerate(one["thresholds"].items()):
        yield f"{'Judged by' if number == 0 else '':<14}{path} {value}"
    yield f"Runbook       {', '.join(one['runbooks'])}"
    for number, event in enumerate(one["history"]):
        head = "History" if number == 0 else ""
        yield f"{head:<14}{event['at'][:16].replace('T', ' ')} {event['kind']} by {escape(event['actor'])}{escape(_details(event))}"
    for number, message in enumerate(one["messages"]):
        detail = f": {message['detail']}" if message["detail"] else ""
        yield f"{'Told' if number == 0 else '':<14}{message['channel']} ({message['kind']}) {message['state']}{escape(detail)}"


def _severity(one: Mapping[str, Any]) -> str:
    return f"[{_COLOURS[one['severity']]}]{one['severity']}[/]{' (page)' if one['pages'] else ''}"


def _state(one: Mapping[str, Any]) -> str:
    return (
        f"{one['state']} by {escape(one['acknowledged_by'])}" if one["state"] == "acknowledged" else str(one["state"])
    )


def _details(event: Mapping[str, Any]) -> str:
    """What a person wants to know of an event, beside when and by whom."""
    told = {
        "opened": lambda: f"{event['severity']}{', paging' if event['pages'] else ''}, owner {event['owner']}",
        "fired": lambda: f"{event['day']}, {', '.join(event['members'])}",
        "raised": lambda: (
            f"{event['from']} to {event['severity']}{', paging' if event['pages'] else ''}, owner {event['owner']}"
        ),
        "reopened": lambda: f"it fired again on {event['day']}",
        "cause_named": lambda: str(event["cause"]["name"]),
        "escalated": lambda: f"to {event['to']}",
        "resolved": lambda: str(event["note"]),
    }.get(event["kind"])
    return f": {told()}" if told else ""


def _channels_lines(told: Mapping[str, Any]) -> Iterator[str]:
    for one in told["channels"]:
        yield f"{one['channel']:<10} {'[green]sent[/]' if one['ok'] else escape(one['detail'])}"
