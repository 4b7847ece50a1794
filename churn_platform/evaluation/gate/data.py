"""The data gate, before training: are these examples fit to learn from?

What belongs here: volume, completeness, schema, leakage by name, and whether each fairness group can be seen at all.
What does not: validating raw rows (contracts and quarantine), drift (`drift/`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from churn_platform.contracts.leakage import refuse_leakage
from churn_platform.evaluation.gate.decision import (
    GateCheck,
    GateDecision,
    Question,
    ask,
    at_least,
    at_most,
    decide,
    failed,
)

if TYPE_CHECKING:
    import pandas as pd

    from churn_platform.policies import DataGatePolicy


def data_gate(
    examples: pd.DataFrame,
    churned: ArrayLike,
    *,
    features: Sequence[str],
    excluded: Mapping[str, str],
    received_rows: int,
    quarantined_rows: int,
    fairness_attributes: Sequence[str],
    policy: DataGatePolicy,
) -> GateDecision:
    """Judge training examples (rows, columns) with outcomes `churned` (rows,).

    `features` are the columns the model will learn from; `excluded` maps a feature left out to the reason (it is judged
    by that reason, not by its missing values); `received_rows` and `quarantined_rows` count what the feed delivered.
    Never raises: whatever cannot be checked is a failed check.
    """
    questions: list[Question] = [
        ("rows", lambda: at_least("rows", len(examples), policy.min_rows, "the number of training examples")),
        ("churners", lambda: _churners(churned, len(examples), policy)),
        ("quarantined", lambda: _quarantined(received_rows, quarantined_rows, policy)),
        ("features", lambda: _features(examples, features, excluded)),
        ("leakage", lambda: _leakage(features)),
        ("missing", lambda: _missing(examples, features, policy)),
        ("fairness_groups", lambda: _groups(examples, fairness_attributes, policy)),
    ]
    return decide("data", ask(questions))


def _churners(churned: ArrayLike, rows: int, policy: DataGatePolicy) -> list[GateCheck]:
    outcomes = np.asarray(churned, dtype=np.float64)
    if outcomes.shape != (rows,):
        return [failed("churners", f"{rows} examples have outcomes of shape {outcomes.shape}; each needs exactly one")]
    if not np.isin(outcomes, (0.0, 1.0)).all():
        return [
            failed("churners", "some outcomes are missing or neither 0 nor 1; only matured outcomes may be learnt from")
        ]
    leavers = int(outcomes.sum())
    return [
        at_least("churners", leavers, policy.min_churners, "the number of customers who left"),
        at_least("stayers", rows - leavers, policy.min_churners, "the number of customers who stayed"),
    ]


def _quarantined(received: int, quarantined: int, policy: DataGatePolicy) -> GateCheck:
    if received <= 0 or not 0 <= quarantined <= received:
        return failed(
            "quarantined",
            f"{quarantined} rows quarantined of {received} received do not add up; check the feed's receipt",
        )
    what = f"the share of quarantined rows ({quarantined} of {received})"
    return at_most("quarantined", quarantined / received, policy.max_quarantined_share, what)


def _features(examples: pd.DataFrame, features: Sequence[str], excluded: Mapping[str, str]) -> GateCheck:
    absent = sorted(set(features) - set(map(str, examples.columns)))
    unexplained = sorted(name for name, reason in excluded.items() if not str(reason).strip())
    both = sorted(set(features) & set(excluded))
    if not features:
        return failed("features", "there is no feature to learn from")
    if absent:
        return failed("features", f"the examples lack {', '.join(absent)}; compute them, or exclude them with a reason")
    if unexplained:
        return failed("features", f"{', '.join(unexplained)} left out without a reason")
    if both:
        return failed("features", f"{', '.join(both)} both used and left out")
    left_out = "".join(f"; {name} left out: {reason}" for name, reason in sorted(excluded.items()))
    return GateCheck(
        "features", "pass", float(len(features)), None, f"all {len(features)} features are there{left_out}"
    )


def _leakage(features: Sequence[str]) -> GateCheck:
    refuse_leakage(features)
    return GateCheck("leakage", "pass", None, None, "no feature is known only after the outcome")


def _missing(examples: pd.DataFrame, features: Sequence[str], policy: DataGatePolicy) -> GateCheck:
    share = examples[list(features)].isna().mean()
    worst = str(share.idxmax())
    what = f"the largest share of missing values (in {worst})"
    return at_most("missing", float(share[worst]), policy.max_missing_share, what)


def _groups(examples: pd.DataFrame, attributes: Sequence[str], policy: DataGatePolicy) -> list[GateCheck]:
    checks = []
    for attribute in attributes:
        name = f"fairness_groups.{attribute}"
        if attribute not in examples.columns:
            checks.append(failed(name, f"the examples have no column {attribute!r}, so its groups cannot be watched"))
            continue
        rows = examples[attribute].astype(object).value_counts().sort_index()
        if len(rows) < 2:
            checks.append(failed(name, f"{attribute} has {len(rows)} known group; a comparison needs two"))
            continue
        smallest = str(rows.idxmin())
        what = f"the smallest group of {attribute} ({smallest})"
        checks.append(at_least(name, int(rows.min()), policy.min_group_rows, what))
    return checks
