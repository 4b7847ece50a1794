"""Group models: from feature tables to a judged candidate: training set, model, holdout evaluation, explanations, package, report."""

import time
from collections.abc import Iterator
from datetime import date

import dagster as dg

from churn_platform.defs import metadata as told
from churn_platform.defs.resources import PlatformResource

GROUP = "models"
FEATURES = [dg.AssetKey("features_v1"), dg.AssetKey("features_v2"), dg.AssetKey("observation_outcomes")]


class TrainingConfig(dg.Config):
    """What to train: blank means the policy's feature set and the calendar's training day; `decision` is the ledger entry that asked."""

    feature_set: str = ""
    as_of: str = ""
    decision: str = ""


@dg.asset(
    group_name=GROUP,
    deps=FEATURES,
    kinds={"parquet"},
    check_specs=[
        dg.AssetCheckSpec(
            "data_gate",
            asset="training_set",
            blocking=True,
            description="Enough rows and churners, few quarantined and missing, no leakage, every fairness group visible.",
        )
    ],
)
def training_set(
    context: dg.AssetExecutionContext, config: TrainingConfig, platform: PlatformResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """Features with matured outcomes, as known on the training day: a content-addressed Parquet (same inputs, same digest)."""
    from churn_platform.flows.training import gather_training_set

    installed = platform.open()
    as_of = date.fromisoformat(config.as_of) if config.as_of else installed.calendar.training_as_of
    feature_set = config.feature_set or installed.policies.training.feature_set
    gathered = gather_training_set(installed, feature_set, as_of, config.decision)
    installed.handoffs(context.run_id).give("training_set", gathered.facts)
    yield dg.MaterializeResult(
        metadata=told.training_set_metadata(gathered), data_version=dg.DataVersion(gathered.digest)
    )
    yield told.gate_check("data_gate", gathered.gate)


@dg.asset(group_name=GROUP, deps=[training_set], kinds={"xgboost"})
def candidate_model(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The model that the recipe makes of the training set: tuned, calibrated, with its reference baseline."""
    from churn_platform.flows.training import make_candidate

    installed = platform.open()
    handoffs = installed.handoffs(context.run_id)
    made = make_candidate(installed, handoffs.take("training_set"), time.monotonic, context.log.info)
    handoffs.give("candidate_model", made.facts)
    return dg.MaterializeResult(metadata=told.candidate_metadata(made), data_version=dg.DataVersion(made.digest))


@dg.asset(
    group_name=GROUP,
    deps=[candidate_model, training_set],
    kinds={"python"},
    check_specs=[
        dg.AssetCheckSpec(
            "evaluation_gate",
            asset="holdout_evaluation",
            description="Performance, calibration, fairness, cost, leakage and training/serving parity are within the policy.",
        )
    ],
)
def holdout_evaluation(
    context: dg.AssetExecutionContext, platform: PlatformResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """The candidate on the temporal holdout, with intervals, by segment, against logistic regression; and the gate's verdict.

    The check is a lamp; the lock is the recorded verdict, which `registered_model` reads.
    """
    from churn_platform.flows.training import judge_candidate

    installed = platform.open()
    handoffs = installed.handoffs(context.run_id)
    judged = judge_candidate(installed, handoffs.take("candidate_model"), time.perf_counter)
    handoffs.give("holdout_evaluation", judged.facts)
    yield dg.MaterializeResult(metadata=told.evaluation_metadata(judged))
    yield told.gate_check("evaluation_gate", judged.gate)


@dg.asset(
    group_name=GROUP,
    deps=[holdout_evaluation],
    kinds={"shap"},
    check_specs=[
        dg.AssetCheckSpec(
            "contributions_sum_to_the_margin",
            asset="explanations",
            blocking=True,
            description="Base plus contributions is the model's margin for every row of the holdout.",
        )
    ],
)
def explanations(
    context: dg.AssetExecutionContext, platform: PlatformResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """Exact contributions of the holdout, and what matters most over all of it."""
    from churn_platform.flows.training import explain_candidate

    installed = platform.open()
    handoffs = installed.handoffs(context.run_id)
    explained = explain_candidate(installed, handoffs.take("holdout_evaluation"))
    handoffs.give("explanations", explained.facts)
    yield dg.MaterializeResult(metadata=told.explanation_metadata(explained))
    yield dg.AssetCheckResult(
        check_name="contributions_sum_to_the_margin",
        passed=explained.gap is not None and explained.gap <= explained.bound,
        metadata={"largest_gap": explained.gap, "bound": explained.bound},
    )


@dg.asset(group_name=GROUP, deps=[explanations, holdout_evaluation, candidate_model], kinds={"json"})
def model_package(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Everything that a score needs and that a reviewer asks for, content-addressed, signed, in one folder."""
    from churn_platform.flows.training import pack_model

    installed = platform.open()
    handoffs = installed.handoffs(context.run_id)
    packed = pack_model(installed, handoffs.take("explanations"), context.log.info)
    handoffs.give("model_package", packed.facts)
    return dg.MaterializeResult(metadata=told.package_metadata(packed), data_version=dg.DataVersion(packed.digest))


@dg.asset(group_name=GROUP, deps=[model_package, holdout_evaluation, explanations], kinds={"plotly"})
def evaluation_report(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The evaluation as one self-contained HTML page: opens offline, asks no host for anything."""
    from churn_platform.flows.reporting import write_report

    installed = platform.open()
    handoffs = installed.handoffs(context.run_id)
    report = write_report(installed, handoffs.take("model_package"))
    handoffs.give("evaluation_report", {**handoffs.take("model_package"), "report": str(report)})
    return dg.MaterializeResult(metadata=told.report_metadata(report))
