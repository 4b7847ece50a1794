"""The evaluation gate, before registration: is this model good enough, fair enough, quick enough, and does it mean what
it says?

What belongs here: bounds on the recorded evaluation and on the measured evidence. What does not: measuring
(`evaluation`), comparing with a champion (`promotion`), approvals (`deployment`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from churn_platform.contracts.leakage import refuse_leakage
from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.evaluation import Evaluation
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
from churn_platform.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from churn_platform.policies import EvaluationGatePolicy


@dataclass(frozen=True, slots=True)
class ModelEvidence:
    """What was measured of the model beside its holdout: None where it was not, which fails.

    `seconds_per_1000_scores` with reasons; `contribution_gap` is the largest |sum of contributions - margin|;
    `parity_difference` the largest |probability in serving - probability in training| on the same rows; `features` are
    the model's columns.
    """

    seconds_per_1000_scores: float | None
    contribution_gap: float | None
    parity_difference: float | None
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChampionOnHoldout:
    """The champion on the rows of the candidate's holdout that neither was trained on.

    `auc` is the champion's; `auc_above` the candidate's minus the champion's, with its paired interval on the same rows. Both are
    None where they could not be measured, for the reason in `why_not`.
    """

    version: str
    auc: Estimate | None
    auc_above: Estimate | None
    why_not: str = ""


def evaluation_gate(
    evaluation: Evaluation | Mapping[str, Any],
    evidence: ModelEvidence,
    policy: EvaluationGatePolicy,
    champion: ChampionOnHoldout | None = None,
) -> GateDecision:
    """Judge a model by its evaluation (or the recorded form of it) and evidence.

    `champion` is who it would replace, measured on its holdout; None where nobody is, or where that could not be measured.

    Never raises: a missing metric, a NaN, an unreadable record or an exception is a failed check with the reason.
    """
    if not isinstance(evaluation, Evaluation):
        try:
            evaluation = Evaluation.from_dict(evaluation)
        except Exception as error:  # an unreadable record closes the gate, whatever made it unreadable
            return decide("evaluation", [failed("evaluation", f"the recorded evaluation cannot be read: {error}")])
    of = evaluation
    questions: list[Question] = [
        ("metrics", lambda: _complete(of)),
        ("auc", lambda: _auc(of, champion, policy)),
        ("auc_against_baseline", lambda: _against_baseline(of, policy)),
        ("brier", lambda: at_most("brier", _value(of, "brier"), policy.max_brier, "the Brier score")),
        ("ece", lambda: at_most("ece", _value(of, "ece"), policy.max_ece, "the calibration error")),
        ("top_lift", lambda: at_least("top_lift", _value(of, "top_lift"), policy.min_top_decile_lift, _top(of))),
        ("label_maturity", lambda: _maturity(of)),
        ("fairness", lambda: _fairness(of, policy)),
        ("leakage", lambda: _leakage(evidence.features)),
        ("seconds_per_1000_scores", lambda: _seconds(evidence, policy)),
        ("contribution_gap", lambda: _contributions(evidence, policy)),
        ("parity_difference", lambda: _parity(evidence, policy)),
    ]
    return decide("evaluation", ask(questions))


def _value(of: Evaluation, name: str) -> float | None:
    estimate = of.metrics.get(name)
    return estimate.value if estimate is not None else None


def _auc(of: Evaluation, champion: ChampionOnHoldout | None, policy: EvaluationGatePolicy) -> GateCheck:
    """At least the bound; or, where the world has become too hard even for the champion, better than the champion beyond chance.

    A champion below the bound is no safer for having been released in an easier world: to keep a better successor out would keep
    the customers on the worse model.
    """
    absolute = at_least("auc", _value(of, "auc"), policy.min_auc, "ROC AUC on the holdout")
    if absolute.verdict == "pass" or absolute.observed is None or champion is None:
        return absolute
    auc, above = champion.auc, champion.auc_above
    if auc is None or above is None or not (auc.is_usable and above.is_usable):
        why = champion.why_not or "its figures are not usable"
        reason = f"{absolute.reason}; champion {champion.version} could not be measured on these rows: {why}"
        return failed("auc", reason, policy.min_auc)
    told = f"champion {champion.version} has {auc.value:.4g} on the same {above.rows:,} rows"
    if auc.value >= policy.min_auc:
        return failed("auc", f"{absolute.reason}; {told}, so it can be reached", policy.min_auc)
    by = f"{above.value:+.4f} ({above.low:+.4f} to {above.high:+.4f} at {above.confidence:.0%})"
    if not above.low > 0.0:
        return failed("auc", f"{absolute.reason}; {told}, and the difference may be chance: {by}", policy.min_auc)
    reason = (
        f"below {policy.min_auc:g}, and allowed: {told}, below it too, and the candidate is better beyond chance: {by}"
    )
    return GateCheck(
        "auc", "pass", absolute.observed, policy.min_auc, f"ROC AUC on the holdout is {absolute.observed:.4g}, {reason}"
    )


def _top(of: Evaluation) -> str:
    return f"lift in the first {of.top_share:.0%} of the list"


def _complete(of: Evaluation) -> GateCheck:
    """Every metric, of the model and the baseline, is there under its own name, usable, and measured on the same
    rows."""
    faults = []
    for whose, figures in (("model", of.metrics), ("baseline", of.baseline)):
        faults += [f"{whose}: {name} is missing" for name in METRICS if name not in figures]
        faults += [f"{whose}: {name} is no known metric" for name in figures if name not in METRICS]
        faults += [f"{whose}: {name} {fault}" for name, figure in figures.items() if (fault := _fault(figure, of.rows))]
    if fault := _fault(of.auc_above_baseline, of.rows):
        faults.append(f"AUC above baseline {fault}")
    if faults:
        return failed("metrics", "; ".join(faults))
    return GateCheck(
        "metrics", "pass", float(len(METRICS)), None, f"all {len(METRICS)} metrics, each with its interval"
    )


def _fault(figure: Estimate, rows: int) -> str:
    if not figure.is_usable:
        return f"is not usable ({figure.value!r}, interval {figure.low!r} to {figure.high!r})"
    return f"was measured on {figure.rows} rows, not on the holdout's {rows}" if figure.rows != rows else ""


def _against_baseline(of: Evaluation, policy: EvaluationGatePolicy) -> GateCheck:
    what = "ROC AUC above the logistic regression's, on the same rows,"
    return at_least("auc_against_baseline", of.auc_above_baseline.value, -policy.max_auc_below_baseline, what)


def _maturity(of: Evaluation) -> GateCheck:
    if not 0.0 < of.label_maturity <= 1.0:
        return failed(
            "label_maturity",
            f"the share of matured outcomes is {of.label_maturity!r}; without it no figure has a meaning",
        )
    return GateCheck(
        "label_maturity", "pass", of.label_maturity, None, f"{of.label_maturity:.0%} of the outcomes have matured"
    )


def _fairness(of: Evaluation, policy: EvaluationGatePolicy) -> list[GateCheck]:
    measured = {attribute.attribute: attribute for attribute in of.fairness}
    checks = []
    for attribute, bound in policy.max_true_positive_rate_difference.items():
        name = f"fairness.{attribute}"
        found = measured.get(attribute)
        if found is None:
            checks.append(
                failed(
                    name, f"fairness by {attribute} was not measured; name it in evaluation.fairness_attributes", bound
                )
            )
            continue
        difference = found.differences.get("true_positive_rate")
        if difference is None:
            checks.append(
                GateCheck(name, "inconclusive", None, bound, found.reason or "no difference could be measured")
            )
            continue
        groups = attribute.replace("_", " ")
        what = f"the difference between groups of {groups} in the share of leavers found"
        checks.append(at_most(name, difference.value, bound, what))
    return checks


def _leakage(features: Sequence[str]) -> GateCheck:
    if not features:
        return failed("leakage", "the model names no features, so leakage cannot be ruled out")
    refuse_leakage(features)
    return GateCheck("leakage", "pass", None, None, "no feature is known only after the outcome")


def _seconds(evidence: ModelEvidence, policy: EvaluationGatePolicy) -> GateCheck:
    observed = _not_negative(evidence.seconds_per_1000_scores)
    what = "the time for 1,000 scores with reasons, in seconds,"
    return at_most("seconds_per_1000_scores", observed, policy.max_seconds_per_1000_scores, what)


def _contributions(evidence: ModelEvidence, policy: EvaluationGatePolicy) -> GateCheck:
    what = "the largest gap between the sum of contributions and the margin"
    return at_most("contribution_gap", _not_negative(evidence.contribution_gap), policy.max_contribution_gap, what)


def _parity(evidence: ModelEvidence, policy: EvaluationGatePolicy) -> GateCheck:
    what = "the largest difference between a probability in serving and in training"
    return at_most("parity_difference", _not_negative(evidence.parity_difference), policy.max_parity_difference, what)


def _not_negative(observed: float | None) -> float | None:
    """A negative time or distance is a measuring error: as good as missing."""
    return observed if observed is not None and observed >= 0 else None
