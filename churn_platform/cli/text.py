"""What people read of an answer: rich tables and lines. Every figure comes from the summary; nothing is worked out here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

Line = Any


def main_job_lines(summary: Mapping[str, Any]) -> Iterator[Line]:
    """The main job, for people."""
    yield from _simulated(summary)
    yield _rows_line(summary)
    yield from _champion_lines(summary)
    yield (
        f"Scored [bold]{summary['customers_scored']:,}[/] customers on {summary['days_scored']} live days: "
        f"{_bands(summary['bands'])}"
    )
    yield _risk_table(summary["most_at_risk"], "The ten most at risk")
    yield _seconds_line(summary)
    yield f"Report  {escape(str(summary['report']))}"
    yield "Next    [bold]churn status[/] · [bold]churn day 2026-06-01[/] · [bold]make dev[/] for the Dagster UI".replace(
        "2026-06-01", _a_day(summary)
    )


def day_lines(summary: Mapping[str, Any]) -> Iterator[Line]:
    """A day, for people."""
    yield from _simulated(summary)
    yield f"[bold]{summary['day']}[/]  {_rows_line(summary)}"
    if summary["customers_scored"]:
        yield f"Scored [bold]{summary['customers_scored']:,}[/] customers with {summary['model_version']}: {_bands(summary['bands'])}"
        yield _risk_table(summary["most_at_risk"], "Most at risk")
    else:
        yield "No scores: this is no live day of the feed."
    yield _seconds_line(summary)


def file_lines(summary: Mapping[str, Any]) -> Iterator[Line]:
    """A day scored from a file of features, for people."""
    yield from _simulated(summary)
    yield (
        f"Scored [bold]{summary['customers_scored']:,}[/] customers of {summary['features']} with {summary['model_version']}: "
        f"{_bands(summary['bands'])}"
    )
    yield f"{summary['margins_checked']:,} margins compared with XGBoost's own, largest difference {summary['largest_gap']:.1e}"
    yield _risk_table(summary["most_at_risk"], "Most at risk")
    yield f"{summary['seconds']['total']:.1f} s"


def training_lines(summary: Mapping[str, Any]) -> Iterator[Line]:
    """A training, for people."""
    yield from _simulated(summary)
    yield f"Newest registered model [bold]{summary['newest_registered']}[/]; decision: [bold]{summary['decision']}[/]"
    for reason in summary["reasons"]:
        yield f"  {escape(reason)}"
    if summary.get("rollout"):
        on = summary["rollout"]
        yield f"Rollout {on['rollout']}: {on['challenger']} is to succeed {on['champion']} by {on['strategy']}: churn rollout status"
    yield from _champion_lines(summary)
    yield _seconds_line(summary)
    yield f"Report  {escape(str(summary['report']))}"


def cross_validation_lines(summary: Mapping[str, Any]) -> Iterator[Line]:
    """A cross-validation, for people."""
    yield from _simulated(summary)
    table = Table(
        title=f"{summary['folds']}-fold stratified CV of {summary['feature_set']} over {summary['rows']:,} customers",
        title_justify="left",
    )
    for name in ("", "AUC", "PR-AUC", "Brier", "ECE", "AUC per fold"):
        table.add_column(name)
    for name in ("model", "baseline"):
        metrics = summary[name]
        per_fold = " ".join(f"{auc:.3f}" for auc in metrics["auc_per_fold"])
        table.add_row(name, *(f"{metrics[key]:.4f}" for key in ("auc", "pr_auc", "brier", "ece")), per_fold)
    yield table


def status_lines(summary: Mapping[str, Any]) -> Iterator[Line]:
    """A home, for people."""
    yield f"Home    {escape(summary['home'])}"
    if summary["feed"] is None:
        yield "Nothing has run here yet. Start with [bold]churn run[/]."
        return
    yield from _simulated(summary)
    yield f"Feed    {summary['feed']}: {escape(summary['source'])}"
    yield _rows_line(summary)
    yield from _champion_lines(summary)
    if summary["days_published"]:
        yield f"Scores  {summary['days_published']} days published, {summary['first_day_published']} to {summary['last_day_published']}"
    else:
        yield "Scores  none published yet"
    intact = "intact" if summary["ledger_intact"] else "[bold red]DOES NOT VERIFY[/]"
    yield f"Ledger  {summary['ledger_entries']} entries, {intact}"


def report_lines(summary: Mapping[str, Any]) -> Iterator[Line]:
    """The report's place."""
    if summary["report"] is None:
        yield "There is no champion yet, so there is no report. Start with [bold]churn run[/]."
    else:
        yield f"{summary['champion_version']}: {escape(summary['report'])}"


def _simulated(summary: Mapping[str, Any]) -> Iterator[Line]:
    if summary.get("simulated"):
        yield Panel(
            "These data are [bold]simulated[/]: made up, so no figure says anything about real customers.",
            style="yellow",
        )


def _rows_line(summary: Mapping[str, Any]) -> str:
    return (
        f"Rows    {summary['rows_received']:,} received = {summary['rows_accepted']:,} accepted + "
        f"{summary['rows_quarantined']:,} quarantined"
    )


def _champion_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    if summary["champion_version"] is None:
        yield "Champion  none yet"
        return
    yield (
        f"Champion  [bold]{summary['champion_version']}[/] on {summary['feature_set']}: holdout AUC [bold]{summary['holdout_auc']:.3f}[/] "
        f"({summary['holdout_auc_low']:.3f} to {summary['holdout_auc_high']:.3f}, {summary['holdout_rows']:,} customers), "
        f"logistic regression {summary['baseline_auc']:.3f}, ECE {summary['ece']:.3f}, lift in the first tenth {summary['top_lift']:.1f}"
    )
    reasons = "; ".join(f"{one['label']} ({one['share']:.0%}, {one['direction']})" for one in summary["top_reasons"])
    yield f"Top reasons  {escape(reasons)}"


def _bands(bands: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in bands.items())


def _risk_table(customers: list[dict[str, Any]], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name, style in (("customer", "bold"), ("day", ""), ("risk", ""), ("why", "")):
        table.add_column(name, style=style, no_wrap=name in ("customer", "day", "risk"))
    for one in customers:
        why = "; ".join(one["reasons"][:3])
        table.add_row(one["customer_id"], one["observation_date"], f"{one['probability']:.0%}", escape(why))
    return table


def _seconds_line(summary: Mapping[str, Any]) -> str:
    seconds = summary["seconds"]
    stages = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items() if name != "total" and value >= 0.05)
    return f"Seconds {seconds['total']:.1f}: {stages}"


def _a_day(summary: Mapping[str, Any]) -> str:
    at_risk = summary["most_at_risk"]
    return str(at_risk[0]["observation_date"]) if at_risk else "2026-06-01"
