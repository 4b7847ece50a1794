"""What people read of a simulated life: a dated table, how well the champion ranked beside the best possible, where to look next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import mean
from typing import Any

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

Line = Any
STYLES = {
    "change": "bold magenta",
    "failed_run": "red",
    "finding": "yellow",
    "ticket": "cyan",
    "rollout": "green",
    "release": "bold green",
}
MONTH = 30
LONGEST = 220


def life_lines(account: Mapping[str, Any]) -> Iterator[Line]:
    """A life, for people."""
    yield Panel("This telco is [bold]simulated[/]: made up, with a truth that is known.", style="yellow")
    yield (
        f"[bold]{account['scenario']}[/], {account['customers']:,} customers, seed {account['seed']}: {account['days_lived']} days lived, "
        f"{account['first_live_day']} to {account['last_live_day']}; scores published on {account['days_published']}"
    )
    yield _events(account["events"])
    yield _ranking(account["truth"]["days"])
    yield _seconds(account["seconds"])
    home = escape(account["home"])
    yield f"Champion  {account['champion_version'] or 'none'}; open tickets: {account['open_tickets']}"
    if account["reports"]:
        yield f"Report    {escape(account['reports'][-1])}" + (
            f" and {len(account['reports']) - 1} more beside it" if len(account["reports"]) > 1 else ""
        )
    yield f"Look      [bold]CHURN_HOME={home} churn status[/]"
    yield f"          [bold]CHURN_HOME={home} churn dev[/] for the Dagster UI with every run and check of this life"
    yield f"Live on   [bold]churn simulate --home {home} --scenario … --days {account['days_lived'] + 30}[/]".replace(
        "--scenario …",
        f"--scenario {escape(account['scenario'])} --customers {account['customers']} --seed {account['seed']}",
    )


def _events(events: list[dict[str, Any]]) -> Table:
    table = Table(title="What happened", title_justify="left")
    table.add_column("day", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("")
    for one in events:
        until = f" to {one['until'][5:]}" if "until" in one else ""
        text = one["text"] if len(one["text"]) <= LONGEST else one["text"][: LONGEST - 1] + "…"
        table.add_row(
            one["date"] + until, one["kind"].replace("_", " "), escape(text), style=STYLES.get(one["kind"], "")
        )
    if not events:
        table.add_row("", "", "nothing yet")
    return table


def _ranking(days: list[dict[str, Any]]) -> Table:
    """By thirty days: the AUC of the published scores, the best that the model's columns allow, and the best of all; under the truth."""
    table = Table(
        title="How well the published scores ranked the customers, under the true probabilities", title_justify="left"
    )
    for name in ("days", "AUC", "best of these columns", "best possible", "days scored"):
        table.add_column(name, justify="left" if name == "days" else "right")
    for start in range(0, len(days), MONTH):
        part = days[start : start + MONTH]
        scored = [day["auc"] for day in part if day["auc"] is not None]
        best = [day["best_auc"] for day in part if day["best_auc"] is not None]
        achievable = [day["achievable_auc"] for day in part if day["achievable_auc"] is not None]
        table.add_row(
            f"{part[0]['date']} to {part[-1]['date']}",
            f"{mean(scored):.3f}" if scored else "none",
            f"{mean(achievable):.3f}" if achievable else "none",
            f"{mean(best):.3f}" if best else "none",
            f"{len(scored)} of {len(part)}",
        )
    return table


def _seconds(seconds: Mapping[str, Any]) -> str:
    stages = ", ".join(f"{name} {value:.2f}" for name, value in seconds["median_day_by_stage"].items())
    day = f"{seconds['median_day']:.1f} ({stages})" if seconds["median_day"] is not None else "none yet"
    return (
        f"Seconds   history {seconds['history']:.0f}, trainings {seconds['trainings']:.0f}, all days {seconds['days']:.0f}; "
        f"a median day {day}"
    )
