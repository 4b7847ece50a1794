"""The report's sections: a question as its title, the answer in words, then figures and tables.

What belongs here: what is said to the reader, and beside which figure. What does not: figures (`figures`), tables
(`tables`), the order of the page (`page`).
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import pandas as pd

from churn_platform.evaluation.evaluation import Evaluation
from churn_platform.evaluation.gate import GateDecision
from churn_platform.evaluation.report import figures, tables
from churn_platform.evaluation.report.content import ReportExplanation, ReportHeader
from churn_platform.evaluation.report.theme import framed
from churn_platform.evaluation.report.words import check_label, headline, measured_on, percent, reached_at
from churn_platform.explanation.plots import beeswarm_figure, dependence_figure, importance_figure
from churn_platform.explanation.plots.importance import mean_sizes

SHOWN_ROWS = 400
"""Customers drawn in the beeswarm: twelve features of 400 points stay fluent in a browser, and show the same shape as
all."""


class Figures:
    """The figures of one page: each gets a place in the text and its data at the end."""

    def __init__(self) -> None:
        self.scripts: list[str] = []

    def place(self, figure: Any, name: str, height: int | None = None) -> str:
        """The figure's place in the page; its data go to `scripts`, as JSON in which plotly has escaped < and >."""
        data = framed(figure, height).to_json(engine="json")
        self.scripts.append(f'draw("{name}", {data});')
        return f'<div class="plot" id="{name}" style="height:{int(figure.layout.height)}px"></div>'


def banner(header: ReportHeader) -> str:
    """A label that cannot be missed, where the data are made up; empty where they are real."""
    if not header.simulated:
        return ""
    note = f" {html.escape(header.feed_note)}" if header.feed_note else ""
    said = f"<b>Simulated data.</b> These customers are made up; no figure here is about real people.{note}"
    return f'<div class="banner" role="note">{said}</div>'


def top(of: Evaluation, gates: Sequence[GateDecision], header: ReportHeader) -> str:
    """The headline, on what it rests, what keeps the model out if anything does, and the key figures."""
    verdicts = " ".join(f"{html.escape(gate.gate.capitalize())} gate {tables.pill(gate.verdict)}" for gate in gates)
    before, point, after = (html.escape(part) for part in headline(of))
    return (
        f'<header><div class="eyebrow"><span>Churn model {html.escape(header.model_name)} '
        f"{html.escape(header.model_version)}</span><span>{verdicts}</span></div>{_callout(gates)}"
        f"<div><h1>{before}<b>{point}</b>{after}</h1>"
        f'<p class="lead">{html.escape(measured_on(of))}</p></div>'
        f"{tables.listed_dots(of.listed_first)}</header>{tables.key_cards(of)}"
    )


def _callout(gates: Sequence[GateDecision]) -> str:
    closed = [gate for gate in gates if not gate.passed]
    if gates and not closed:
        return ""
    reasons = [f"{check_label(c.name)}: {c.reason}" for gate in closed for c in gate.checks if c.verdict != "pass"]
    lines = "".join(f"<li>{html.escape(reason)}</li>" for reason in reasons or ["no gate has judged it"])
    unsure = closed and all(gate.verdict == "inconclusive" for gate in closed)
    style = "inconclusive" if unsure else "fail"
    return f'<div class="callout {style}"><b>This model may not be used.</b><ul>{lines}</ul></div>'


def depth(of: Evaluation, drawn: Figures) -> str:
    """What calling further down the list brings."""
    tenth, fifth = (percent(reached_at(of.curves.gain, share)) for share in (0.1, 0.2))
    lead = (
        f"Calling the first 10% of the list reaches {tenth} of those who leave, the first 20% reaches {fifth}. "
        "Further down, each call finds fewer."
    )
    figure = drawn.place(figures.gain_figure(of), "gain", 380)
    content = two(("Leavers reached", figure), ("What each depth brings", tables.depth_table(of)))
    return section("How far down the list is it worth calling?", lead, content)


def trust(of: Evaluation, drawn: Figures) -> str:
    """Whether a probability means what it says."""
    lead = (
        "Where a dot lies on the dotted line, the model kept its promise: of customers scored 30%, 30% left. On "
        f"average the two are {percent(of.metrics['ece'].value, 1)} apart; by chance alone, a perfectly "
        f"calibrated model would show {percent(of.ece_if_calibrated, 1)} on as few customers."
    )
    calibration = drawn.place(figures.calibration_figure(of), "calibration", 400)
    scores = drawn.place(figures.scores_figure(of), "scores", 400)
    content = two(("Calibration", calibration), ("Scores, and who left", scores))
    return section("Can its numbers be believed?", lead, content)


def drivers(explanation: ReportExplanation | None, drawn: Figures) -> str:
    """Which features move the scores, and how."""
    title = "What drives the scores?"
    if explanation is None:
        return section(title, "No explanation was handed to this report.", "")
    contributions, values, labels = explanation.contributions, explanation.values, explanation.labels
    lead = (
        "Each score is a sum of contributions, one a feature: to the right they push towards leaving, to the left "
        "towards staying. They say what the model goes by, not what would keep a customer."
    )
    single = []
    for i, name in enumerate(mean_sizes(contributions).index[:2]):
        figure = dependence_figure(contributions, values, name, labels)
        single.append((labels.get(name, name), drawn.place(figure, f"dependence-{i}")))
    swarm = (
        "<h3>How each feature pulls, customer by customer</h3><p class='small'>Each point is a customer "
        f"({min(SHOWN_ROWS, len(values)):,} of them); the colour is the feature's value, for categories their order in "
        "the list of values.</p>"
    )
    content = (
        "<h3>How much each feature matters</h3>",
        drawn.place(importance_figure(contributions, labels), "importance"),
        swarm,
        drawn.place(beeswarm_figure(contributions, values, labels, SHOWN_ROWS), "beeswarm"),
        two(*single),
    )
    return section(title, lead, "".join(content))


def everyone(of: Evaluation, gates: Sequence[GateDecision], drawn: Figures) -> str:
    """Segments and fairness."""
    lead = (
        "The same model, measured on parts of the customer base. Customers who are all alike are harder to rank, so "
        "look first for wide gaps between promised and observed."
    )
    fair = (
        "<h3>Fairness</h3><p class='small'>A customer is listed at a probability of "
        f"{percent(of.threshold)} or more. Rates are given with {percent(of.confidence)} intervals.</p>"
    )
    content = (
        f'<div class="wide">{drawn.place(figures.segments_figure(of), "segments")}</div>'
        + tables.segments_note(of)
        + fair
    )
    return section("Does it work for everyone?", lead, content + tables.fairness_table(of.fairness, gates))


def verdicts(gates: Sequence[GateDecision]) -> str:
    """Every gate with every check and its reason."""
    if not gates:
        return section("Is it good enough?", "No gate has judged this model: it may not be used.", "")
    lead = "What was asked of the model before it may be used. One check that does not pass is enough to keep it out."
    return section("Is it good enough?", lead, tables.gates_table(gates))


def ranking(of: Evaluation, drawn: Figures) -> str:
    """ROC and precision-recall curves against the baseline."""
    above = of.auc_above_baseline
    how = "is better than" if above.low > 0 else "is worse than" if above.high < 0 else "cannot be told apart from"
    lead = (
        f"On these rows the model {how} the baseline, a plain logistic regression: its area under the ROC curve "
        f"differs by {above.value:+.3f} ({above.low:+.3f} to {above.high:+.3f})."
    )
    roc, pr = drawn.place(figures.roc_figure(of), "roc", 400), drawn.place(figures.pr_figure(of), "pr", 400)
    return section("How well does it rank?", lead, two(("ROC curve", roc), ("Precision and recall", pr)))


def tuning(history: pd.DataFrame | None, drawn: Figures) -> str:
    """The trials of tuning; empty where none is given."""
    if history is None or history.empty:
        return ""
    lead = f"{len(history)} settings were tried on the training rows alone; the holdout took no part in the choice."
    return section("How was it tuned?", lead, drawn.place(figures.tuning_figure(history), "tuning", 340))


def figures_in_full(of: Evaluation) -> str:
    """All metrics in one table."""
    lead = (
        f"In brackets the {percent(of.confidence)} interval: what it may be among all such customers, not only these."
    )
    return section("All figures", lead, tables.metrics_table(of))


def provenance(of: Evaluation, header: ReportHeader) -> str:
    """Where model and data come from, and by which methods the figures were made."""
    methods = (
        "ROC AUC intervals by DeLong (fast form of Sun and Xu 2014), the difference to the baseline paired on the same "
        "rows. Shares by Wilson, differences of shares by Newcombe. All else by bootstrap of whole rows, "
        f"{of.resamples:,} resamples, seed {of.seed}. Calibration error: {of.ece_bins} bins of equal mass, not "
        "corrected for its upward bias; its interval reaches 0 where a perfectly calibrated model would show as much. "
        "Contributions are exact TreeSHAP values in log-odds."
    )
    table = tables.provenance_table(header.provenance())
    return section("Where this comes from", "", table + f'<p class="small">{html.escape(methods)}</p>')


def section(title: str, lead: str, content: str) -> str:
    """A section: a question as its title, the answer in words, the content (HTML)."""
    said = f'<p class="lead">{html.escape(lead)}</p>' if lead else ""
    return f"<section><h2>{html.escape(title)}</h2>{said}{content}</section>"


def two(*parts: tuple[str, str]) -> str:
    """Titled parts (HTML) beside each other."""
    cells = "".join(f"<div><h3>{html.escape(title)}</h3>{content}</div>" for title, content in parts)
    return f'<div class="two">{cells}</div>'
