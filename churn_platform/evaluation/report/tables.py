"""The report's tables and other HTML made of numbers: cards, dots, metrics, gates, fairness, provenance.

What belongs here: values to escaped HTML. What does not: plotly figures (`figures`), the order of the page (`page`).
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.evaluation import Evaluation, ListedFirst
from churn_platform.evaluation.fairness import RATES, Fairness, FairnessGroup
from churn_platform.evaluation.gate import GateDecision
from churn_platform.evaluation.metrics import METRICS
from churn_platform.evaluation.report.words import (
    RATE_WORDS,
    attribute_label,
    check_label,
    figure_of,
    interval_of,
    percent,
    reached_at,
    sentence,
)
from churn_platform.explanation.plots.palette import LEAVING

KEY_FIGURES = ("auc", "top_lift", "recall", "precision", "ece")


def key_cards(of: Evaluation) -> str:
    """The key figures, each with its interval and the value of the baseline (logistic regression)."""
    words = {
        "auc": "chance that a leaver is scored above a stayer (ROC AUC)",
        "top_lift": f"as many leavers in the first {percent(of.top_share)} of the list as by chance",
        "recall": f"of all leavers score {percent(of.threshold)} or more (recall)",
        "precision": f"of those who score {percent(of.threshold)} or more leave (precision)",
        "ece": "mean gap between promised and real churn rate (calibration error)",
    }
    return f'<div class="cards">{"".join(_card(name, words[name], of) for name in KEY_FIGURES)}</div>'


def _card(name: str, words: str, of: Evaluation) -> str:
    ours, base = of.metrics[name], of.baseline[name]
    return (
        f'<div class="card"><div class="value">{figure_of(name, ours.value)}</div>'
        f'<div class="what">{html.escape(words)}</div>'
        f'<div class="range">{interval_of(name, ours)}<br>'
        f"baseline {figure_of(name, base.value)}</div></div>"
    )


def listed_dots(first: ListedFirst) -> str:
    """Two grids of dots: the customers the model lists first, and as many drawn by chance; those who leave are
    filled."""
    leaving, by_chance = round(first.leaving.value * first.customers), round(first.by_chance * first.customers)
    low, high = round(first.leaving.low * first.customers), round(first.leaving.high * first.customers)
    sure = percent(first.leaving.confidence)
    grids = (
        (leaving, f"<b>Listed first</b><br>{leaving} leave<br>{low} to {high} with {sure} confidence"),
        (by_chance, f"<b>Drawn by chance</b><br>{by_chance} leave"),
    )
    figures = (f"<figure>{_dots(n, first.customers)}<figcaption>{said}</figcaption></figure>" for n, said in grids)
    return f'<div class="dots">{"".join(figures)}</div>'


def _dots(filled: int, total: int) -> str:
    per_row, step = 10, 12
    circles = "".join(
        f'<circle cx="{6 + step * (i % per_row)}" cy="{6 + step * (i // per_row)}" r="4.4" '
        f'fill="{LEAVING if i < filled else "#d9dee6"}"/>'
        for i in range(total)
    )
    size = f'viewBox="0 0 {step * per_row} {step * -(-total // per_row)}"'
    return f'<svg {size} role="img" aria-label="{filled} of {total} leave">{circles}</svg>'


def depth_table(of: Evaluation) -> str:
    """What calling down to each depth of the list brings."""
    rows = []
    for share in (0.05, 0.1, 0.2, 0.3, 0.5):
        reached = reached_at(of.curves.gain, share)
        called, leavers = share * of.rows, reached * of.churners
        rows.append(
            row((percent(share), f"{called:,.0f}", f"{leavers:,.0f}", percent(reached), percent(leavers / called)))
        )
    return table(("first part of the list", "calls", "leavers among them", "of all leavers", "of the called"), rows)


def metrics_table(of: Evaluation) -> str:
    """All metrics of model and baseline, with intervals."""
    rows = [
        row(
            (
                _with_note(metric.label, metric.about),
                _with_range(name, of.metrics[name]),
                _with_range(name, of.baseline[name]),
                f"{metric.better} is better",
            )
        )
        for name, metric in METRICS.items()
    ]
    above = of.auc_above_baseline
    signed = figure(f"{above.value:+.3f}", f"{above.low:+.3f} to {above.high:+.3f}")
    rows.append(
        row((_with_note("ROC AUC, model minus logistic regression", "paired, on the same rows"), signed, "", ""))
    )
    return table(("", "this model", "logistic regression", ""), rows)


def gates_table(gates: Sequence[GateDecision]) -> str:
    """Each gate's verdict and every check with its reason."""
    parts = []
    for gate in gates:
        checks = (
            row((pill(check.verdict), html.escape(check_label(check.name)), html.escape(sentence(check.reason))))
            for check in gate.checks
        )
        parts.append(f"<h3>{html.escape(gate.gate.capitalize())} gate {pill(gate.verdict)}</h3>")
        parts.append(table(("", "asked", "answer"), checks))
    return "".join(parts)


def segments_note(of: Evaluation) -> str:
    """Which segments are too small, and why; empty where none is."""
    small = [part for part in of.segments if part.status == "insufficient_data"]
    if not small:
        return ""
    lines = "; ".join(f"{attribute_label(part.attribute)} {part.value}: {part.reason}" for part in small)
    return f'<p class="small">Too few to judge: {html.escape(lines)}.</p>'


def fairness_table(attributes: Sequence[Fairness], gates: Sequence[GateDecision]) -> str:
    """Rates per group with intervals, the largest differences, and what the gate says of them."""
    judged = {check.name: check for gate in gates for check in gate.checks}
    rows = []
    for attribute in attributes:
        rows.append(_across(html.escape(attribute_label(attribute.attribute)), "group"))
        rows += [_group_row(group) for group in attribute.groups]
        if attribute.differences:
            differences = (_rate(attribute.differences[rate]) for rate in RATES)
            rows.append(row(("largest difference", "", "", *differences), "sum"))
        check = judged.get(f"fairness.{attribute.attribute}")
        if check is not None:
            rows.append(_across(f"{pill(check.verdict)} &nbsp;{html.escape(sentence(check.reason))}", "sum"))
        elif attribute.reason:
            rows.append(_across(html.escape(sentence(attribute.reason)), "sum"))
    return table(("group", "customers", "leavers", *(RATE_WORDS[rate] for rate in RATES)), rows)


def _group_row(group: FairnessGroup) -> str:
    rates = (_rate(group.rates.get(rate)) for rate in RATES)
    name = html.escape(group.value) if group.comparable else _with_note(group.value, f"left out: {group.reason}")
    return row((name, f"{group.rows:,}", f"{group.churners:,}", *rates))


def provenance_table(lines: Iterable[tuple[str, str]]) -> str:
    """Where everything comes from."""
    rows = (row((html.escape(what), f'<span class="mono">{html.escape(value)}</span>')) for what, value in lines)
    return table((), rows)


def pill(verdict: str) -> str:
    """A verdict as a coloured word; an unknown one looks like a failure."""
    words = {"pass": "passed", "fail": "failed", "inconclusive": "not enough data"}
    style = verdict if verdict in words else "fail"
    return f'<span class="pill {style}">{html.escape(words.get(verdict, verdict))}</span>'


def _with_range(name: str, estimate: Estimate) -> str:
    return figure(figure_of(name, estimate.value), interval_of(name, estimate))


def _rate(estimate: Estimate | None) -> str:
    if estimate is None:
        return "<span class='small'>cannot be measured</span>"
    return figure(percent(estimate.value), f"{percent(estimate.low)} to {percent(estimate.high)}")


def figure(value: str, interval: str) -> str:
    """A value with its interval."""
    return f"<span class='figure'>{value} <span class='range'>({interval})</span></span>"


def _with_note(text: str, note: str) -> str:
    return f"{html.escape(text)}<br><span class='small'>{html.escape(note)}</span>"


def row(cells: Iterable[str], style: str = "") -> str:
    """A row of cells (HTML)."""
    opening = f'<tr class="{style}">' if style else "<tr>"
    return opening + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _across(content: str, style: str) -> str:
    return f'<tr class="{style}"><td colspan="6">{content}</td></tr>'


def table(heads: Sequence[str], rows: Iterable[str]) -> str:
    """A table of rows (HTML) under escaped heads."""
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    thead = f"<thead><tr>{head}</tr></thead>" if heads else ""
    return f'<div class="wide"><table>{thead}<tbody>{"".join(rows)}</tbody></table></div>'
