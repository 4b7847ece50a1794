"""Group release: who is registered, what was decided, who is champion. The ops store is the truth; MLflow's alias mirrors it."""

import time
from collections.abc import Iterator

import dagster as dg

from churn_platform.defs import metadata as told
from churn_platform.defs.assets.models import evaluation_report, model_package
from churn_platform.defs.resources import PlatformResource, installed_platform

GROUP = "release"


@dg.asset(group_name=GROUP, deps=[model_package, evaluation_report], kinds={"mlflow"}, output_required=False)
def registered_model(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """The package with its owners, tier and digests, if the recorded verdict of the evaluation gate is a pass."""
    from churn_platform.flows.release import register

    installed = platform.open()
    handoffs = installed.handoffs(context.run_id)
    registered = register(installed, {**handoffs.take("model_package"), **handoffs.take("evaluation_report")})
    if registered.model is None:
        context.log.warning(f"not registered: {'; '.join(registered.reasons)}")
        return
    handoffs.give("registered_model", registered.facts)
    yield dg.MaterializeResult(metadata=told.registration_metadata(registered.model))


@dg.asset(group_name=GROUP, deps=[registered_model], kinds={"plotly"})
def champion_comparison(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The registered model against the champion on rows that neither was trained on: wins, tie, loses, blocked or first release."""
    from churn_platform.flows.comparison import compare_with_champion

    installed = platform.open()
    handoffs = installed.handoffs(context.run_id)
    compared = compare_with_champion(installed, handoffs.take("registered_model"), time.perf_counter)
    handoffs.give("champion_comparison", compared.facts)
    context.log.info(f"comparison: {compared.decision.outcome}: {'; '.join(compared.decision.reasons)}")
    return dg.MaterializeResult(metadata=told.comparison_metadata(compared))


@dg.asset(
    group_name=GROUP,
    deps=[champion_comparison],
    kinds={"python"},
    output_required=False,
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=installed_platform().policies.slo.retraining_cadence),
)
def champion(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Who is champion after the release decision: the registered model, or still the one before; nobody if it was blocked first."""
    from churn_platform.flows.release import release

    installed = platform.open()
    handoffs = installed.handoffs(context.run_id)
    released = release(installed, handoffs.take("champion_comparison"))
    handoffs.give("champion", released.facts)
    context.log.info(f"release decision: {released.decision.outcome}: {'; '.join(released.decision.reasons)}")
    if released.champion is not None:
        yield dg.MaterializeResult(metadata=told.champion_metadata(released))
