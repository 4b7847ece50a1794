"""The comparison's gate: what must hold before a difference between two models counts.

What belongs here: enough rows, no leak, usable figures. What does not: who won (`decision`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn_platform.evaluation.comparison.comparison import Comparison, Paired
from churn_platform.evaluation.comparison.rows import ComparisonRows
from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.gate.decision import (
    GateCheck,
    GateDecision,
    Question,
    ask,
    at_most,
    decide,
    failed,
)

if TYPE_CHECKING:
    from churn_platform.policies.releasing import ChampionChallengerPolicy

GATE = "comparison"


def comparison_gate(
    rows: ComparisonRows | None, comparison: Comparison | None, policy: ChampionChallengerPolicy, why_not: str = ""
) -> GateDecision:
    """Judge whether the comparison may be believed. Never raises.

    Args:
        rows: the rows of the comparison; None where they could not be established, with the reason in `why_not`.
        comparison: what was measured; None where it could not be, with the reason in `why_not`.
    """
    if rows is None:
        return decide(GATE, [failed("rows", why_not or "the rows of the comparison could not be established")])
    questions: list[Question] = [
        ("leak", lambda: at_most("leak", rows.leaked, 0, "the number of rows that a model was trained on")),
        ("rows", lambda: _enough("rows", len(rows), policy.min_rows, rows)),
        ("churners", lambda: _enough("churners", rows.churners, policy.min_churners, rows)),
    ]
    checks = ask(questions)
    if any(check.verdict != "pass" for check in checks):
        return decide(GATE, checks)
    return decide(GATE, (*checks, *ask([("figures", lambda: _figures(comparison, len(rows), why_not))])))


def _enough(name: str, found: int, needed: int, rows: ComparisonRows) -> GateCheck:
    removed = f", after {rows.removed:,} that the champion was trained on were left out" if rows.removed else ""
    what = f"{found:,} {name} that neither model was trained on{removed}; {needed:,} are needed"
    return GateCheck(name, "pass" if found >= needed else "inconclusive", float(found), float(needed), what)


def _figures(comparison: Comparison | None, rows: int, why_not: str) -> GateCheck:
    if comparison is None:
        return failed("figures", why_not or "the models were not compared")
    measured: dict[str, Estimate] = {"score": comparison.score}
    for name in ("auc", "f1", "value"):
        paired: Paired = getattr(comparison, name)
        measured |= {
            f"{name} of the champion": paired.champion,
            f"{name} of the challenger": paired.challenger,
            f"{name} difference": paired.difference,
        }
    faults = [f"{name} is not usable" for name, one in measured.items() if not one.is_usable]
    faults += [
        f"{name} was measured on {one.rows} rows, not {rows}" for name, one in measured.items() if one.rows != rows
    ]
    faults += [
        f"{name} of {side.version} is {figure!r}"
        for side in (comparison.champion, comparison.challenger)
        for name, figure in (("latency", side.milliseconds), ("size", side.megabytes))
        if not 0.0 < figure < float("inf")
    ]
    if comparison.champion.version == comparison.challenger.version:
        faults.append(f"{comparison.champion.version} was compared with itself")
    if faults:
        return failed("figures", "; ".join(faults))
    return GateCheck(
        "figures", "pass", float(len(measured)), None, f"all {len(measured)} figures, on the same {rows} rows"
    )
