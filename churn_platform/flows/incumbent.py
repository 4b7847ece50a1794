"""The champion on a candidate's holdout: what the evaluation gate asks where the holdout is too hard for its absolute bound.

What belongs here: measuring the champion on the rows that neither was trained on. What does not: the rule (`evaluation/gate`), and the
whole comparison, which follows once the candidate is registered (`flows/comparison`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn_platform.adapters.platform import Platform

if TYPE_CHECKING:
    from churn_platform.evaluation.gate import ChampionOnHoldout
    from churn_platform.training.model import TrainedModel
    from churn_platform.training.split import TemporalSplit


def champion_on_holdout(platform: Platform, model: TrainedModel, split: TemporalSplit) -> ChampionOnHoldout | None:
    """The champion beside `model` on its holdout; None where there is no champion.

    Never raises: what makes it unmeasurable is the reason in the value, and then the gate's absolute bound stands.
    """
    from churn_platform.evaluation.gate import ChampionOnHoldout

    champion = platform.ops.champion(platform.policies.governance.model)
    if champion is None:
        return None
    try:
        return _measured(platform, champion.version, model, split)
    except Exception as error:  # whatever makes the champion unmeasurable leaves the absolute bound as the only one
        return ChampionOnHoldout(champion.version, None, None, f"{type(error).__name__}: {error}")


def _measured(platform: Platform, version: str, model: TrainedModel, split: TemporalSplit) -> ChampionOnHoldout:
    from churn_platform.evaluation.auc import auc, auc_difference
    from churn_platform.evaluation.comparison import same_rows
    from churn_platform.evaluation.gate import ChampionOnHoldout
    from churn_platform.evaluation.outcomes import scored_outcomes
    from churn_platform.flows.comparison import served_features
    from churn_platform.flows.opened_packages import open_package, trained_rows

    policy = platform.policies.champion_challenger
    theirs = open_package(platform, platform.ops.model(version).package_digest)
    keys = ["customer_id", "observation_date"]
    rows = same_rows(
        split.holdout.frame, trained_rows(platform, theirs.package, theirs.training_set), split.train.frame[keys]
    )
    if rows.leaked or len(rows) < policy.min_rows or rows.churners < policy.min_churners:
        why = f"{len(rows):,} rows with {rows.churners:,} leavers that neither was trained on, {rows.leaked:,} that one was"
        return ChampionOnHoldout(version, None, None, why)
    churned = rows.frame["churned"].to_numpy() == 1
    ours = rows.frame[keys].merge(split.holdout.frame, on=keys, how="left", validate="one_to_one")
    candidate = scored_outcomes(churned, model.probability(ours), "the holdout, scored by the candidate")
    served = theirs.package.model.probability(served_features(platform, theirs.package, rows))
    incumbent = scored_outcomes(churned, served, f"the holdout, scored by {version}")
    return ChampionOnHoldout(
        version,
        auc(incumbent, policy.score_confidence),
        auc_difference(candidate, incumbent, policy.score_confidence),
    )
