"""The comparison as one page that opens without a network: who won, what it is worth, both models side by side.

What belongs here: what is said and drawn of a comparison. What does not: the page's shell and look (`evaluation/report`), and any
figure that a decision rests on (`comparison`): the curves are drawn from the same rows, and nothing is decided by them.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_platform.evaluation.comparison.comparison import Comparison, Paired
from churn_platform.evaluation.comparison.decision import ComparisonDecision
from churn_platform.evaluation.curves import Curve, Curves, curves
from churn_platform.evaluation.gate import GateDecision
from churn_platform.evaluation.outcomes import Floats, scored_outcomes
from churn_platform.evaluation.report import sections, tables
from churn_platform.evaluation.report.content import ReportHeader
from churn_platform.evaluation.report.figures import CHANCE_COLOUR, INSIDE_RIGHT, PERCENT_AXIS
from churn_platform.evaluation.report.page import shell
from churn_platform.explanation.plots.palette import LEAVING, MUTED, STAYING
from churn_platform.retention.expected_value import contact_gains, listed_gains

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.policies.releasing import BusinessValuePolicy

SHARES = np.arange(1, 51) / 100.0
TITLES = {
    "wins": "The challenger wins",
    "tie": "A tie: the champion stays",
    "loses": "The challenger loses",
    "blocked": "The comparison does not count: the champion stays",
}


@dataclass(frozen=True, eq=False)
class ComparedRows:
    """What the curves are drawn from: outcomes, both models' probabilities, each customer's worth, all (rows,)."""

    churned: NDArray[np.bool_]
    champion: Floats
    challenger: Floats
    worth: Floats


def comparison_report(
    of: Comparison,
    rows: ComparedRows,
    gate: GateDecision,
    decision: ComparisonDecision,
    header: ReportHeader,
    policy: BusinessValuePolicy,
) -> str:
    """The page, about 5 MB with plotly.js in it. The same input gives the same page; simulated data are labelled."""
    drawn = sections.Figures()
    sides = tuple(
        curves(scored_outcomes(rows.churned, probability), bins=10, confidence=of.confidence)
        for probability in (rows.champion, rows.challenger)
    )
    names = (f"champion {of.champion.version}", f"challenger {of.challenger.version}")
    reached = _lines(sides, names, lambda c: c.gain, "customers listed", "leavers reached")
    ranked = _lines(sides, names, lambda c: c.roc, "stayers listed", "leavers found")
    body = (
        _top(of, gate, decision, header),
        sections.section(
            "What it is worth",
            f"Expected retained value under a budget that contacts {of.contact_share:.0%} of the customers: what is kept of "
            "those who would have left, less what every contact and offer costs.",
            drawn.place(_money(rows, names, of.contact_share, policy), "money", 380),
        ),
        sections.section("Measure by measure", _paired_with(of), _measures(of)),
        sections.section(
            "Side by side",
            "Both models on the same rows.",
            sections.two(
                ("Leavers reached by the list", drawn.place(reached, "gain", 360)),
                ("Ranking (ROC)", drawn.place(ranked, "roc", 360)),
            )
            + drawn.place(_promised(sides, names), "calibration", 380),
        ),
        sections.verdicts([gate]),
        sections.section("Where it comes from", "", tables.provenance_table(header.provenance())),
    )
    title = f"{of.challenger.version} against {of.champion.version}"
    return shell(title, sections.banner(header) + f"<main>{''.join(body)}</main>", drawn.scripts)


def _top(of: Comparison, gate: GateDecision, decision: ComparisonDecision, header: ReportHeader) -> str:
    money = of.value.difference
    per = "more" if money.value >= 0 else "less"
    reasons = "".join(f"<li>{html.escape(reason)}</li>" for reason in decision.reasons)
    cards = "".join(
        f'<div class="card"><div class="what">{html.escape(what)}</div><div class="value">{value}</div>'
        f'<div class="range">{html.escape(span)}</div></div>'
        for what, value, span in (
            ("ROC AUC, challenger", f"{of.auc.challenger.value:.3f}", f"champion {of.auc.champion.value:.3f}"),
            (
                "difference of AUC",
                f"{of.auc.difference.value:+.3f}",
                f"{of.auc.difference.low:+.3f} to {of.auc.difference.high:+.3f}",
            ),
            (
                "USD retained per 1,000 customers, difference",
                f"{money.value:+,.0f}",
                f"{money.low:+,.0f} to {money.high:+,.0f}",
            ),
            ("weighted score", f"{of.score.value:+.3f}", f"{of.score.low:+.3f} to {of.score.high:+.3f}"),
        )
    )
    return (
        f'<header><div class="eyebrow"><span>{html.escape(header.model_name)}: {html.escape(of.challenger.version)} on '
        f"{html.escape(of.challenger.feature_set)} against {html.escape(of.champion.version)} on "
        f"{html.escape(of.champion.feature_set)}</span>"
        f"<span>Comparison gate {tables.pill(gate.verdict)}</span></div>"
        f"<div><h1>{TITLES.get(decision.outcome, decision.outcome)}: <b>{abs(money.value):,.0f} USD</b> {per} retained per 1,000 "
        f'customers</h1><p class="lead">On {of.rows:,} observations of {of.customers:,} customers, {of.first_day} to {of.last_day}, '
        f"{of.churners:,} of whom left; neither model was trained on any of them.</p></div></header>"
        f'<div class="cards">{cards}</div><ul>{reasons}</ul>'
    )


def _paired_with(of: Comparison) -> str:
    repeated = "" if of.customers == of.rows else " Customers repeat, so customers and not rows are drawn."
    return (
        f"Differences are paired: both models meet the same resample. DeLong's test of equal AUC: p = {of.delong_p:.2g}.{repeated} "
        f"{of.removed:,} rows of the holdout were left out, since the champion was trained on them."
    )


def _measures(of: Comparison) -> str:
    def row(name: str, pair: Paired, form: Callable[[float], str]) -> str:
        def cell(estimate: Any) -> str:
            return tables.figure(form(estimate.value), f"{form(estimate.low)} to {form(estimate.high)}")

        return tables.row((html.escape(name), cell(pair.champion), cell(pair.challenger), cell(pair.difference)))

    rows = [
        row("ROC AUC", of.auc, lambda v: f"{v:.4f}"),
        row("F1 at each one's threshold", of.f1, lambda v: f"{v:.4f}"),
        row("USD retained per 1,000 customers", of.value, lambda v: f"{v:,.0f}"),
    ]
    for name, champion, challenger, saved, unit in (
        (
            "Milliseconds per score with reasons",
            of.champion.milliseconds,
            of.challenger.milliseconds,
            of.latency_saving,
            "ms",
        ),
        ("Package", of.champion.megabytes, of.challenger.megabytes, of.size_saving, "MB"),
    ):
        rows.append(
            tables.row(
                (
                    name,
                    f"{champion:.3g} {unit}",
                    f"{challenger:.3g} {unit}",
                    f"{saved:+.2%} saved, counted from the floor",
                )
            )
        )
    score = tables.figure(f"{of.score.value:+.4f}", f"{of.score.low:+.4f} to {of.score.high:+.4f}")
    rows.append(tables.row(("Weighted score", "", "", score), "sum"))
    return tables.table(("", "champion", "challenger", "challenger minus champion"), rows)


def _money(rows: ComparedRows, names: tuple[str, str], budget: float, policy: BusinessValuePolicy) -> Any:
    import plotly.graph_objects as go

    gains = contact_gains(rows.churned, rows.worth, policy)
    ones = np.ones((1, len(gains)))
    figure = go.Figure()
    for name, probability, colour in zip(names, (rows.champion, rows.challenger), (MUTED, LEAVING), strict=True):
        value = [float(listed_gains(probability, gains, ones, float(share))[0]) for share in SHARES]
        figure.add_trace(
            go.Scatter(x=SHARES.tolist(), y=value, mode="lines", name=name, line={"color": colour, "width": 2.5})
        )
    figure.add_vline(x=budget, line={"color": CHANCE_COLOUR, "dash": "dot"})
    figure.update_traces(hovertemplate="contacting %{x:.0%} retains %{y:,.0f} USD per 1,000 customers<extra></extra>")
    figure.update_layout(legend=INSIDE_RIGHT)
    figure.update_xaxes(title="customers contacted (the dotted line is the budget)", tickformat=".0%")
    return figure.update_yaxes(title="USD retained per 1,000 customers", tickformat=",.0f")


def _lines(sides: tuple[Curves, ...], names: tuple[str, str], curve: Callable[[Curves], Curve], x: str, y: str) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            name="by chance",
            line={"color": CHANCE_COLOUR, "dash": "dot"},
            hoverinfo="skip",
        )
    )
    for name, side, colour in zip(names, sides, (MUTED, STAYING), strict=True):
        line = curve(side)
        figure.add_trace(
            go.Scatter(x=list(line.x), y=list(line.y), mode="lines", name=name, line={"color": colour, "width": 2.5})
        )
    figure.update_layout(legend=INSIDE_RIGHT)
    figure.update_xaxes(title=x, **PERCENT_AXIS)
    return figure.update_yaxes(title=y, **PERCENT_AXIS)


def _promised(sides: tuple[Curves, ...], names: tuple[str, str]) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            name="as promised",
            line={"color": CHANCE_COLOUR, "dash": "dot"},
            hoverinfo="skip",
        )
    )
    for name, side, colour in zip(names, sides, (MUTED, STAYING), strict=True):
        bins = side.calibration
        spread = {
            "array": [b.observed.high - b.observed.value for b in bins],
            "arrayminus": [b.observed.value - b.observed.low for b in bins],
            "color": colour,
            "width": 0,
        }
        figure.add_trace(
            go.Scatter(
                x=[b.promised for b in bins],
                y=[b.observed.value for b in bins],
                error_y=spread,
                mode="markers",
                name=name,
                marker={"size": 9, "color": colour},
            )
        )
    figure.update_xaxes(title="promised: mean predicted probability", tickformat=".0%")
    return figure.update_yaxes(title="observed: share who left", tickformat=".0%")
