"""Who scores whom: the challenger of a rollout under way, and the switch that stops everybody.

What belongs here: reading the recorded rollout and kill switch for a batch. What does not: deciding on either (`rollout`, `routing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn_platform.adapters.platform import Platform

if TYPE_CHECKING:
    from churn_platform.training.candidate import ModelPackage


class ScoresStoppedError(RuntimeError):
    """The kill switch is thrown: nothing is scored, and what was published stays."""


@dataclass(frozen=True)
class Split:
    """The challenger of the rollout under way, and the share of customers whom it answers; without a usable package, why."""

    version: str
    package: ModelPackage | None
    salt: str
    weight: float
    plan: str
    problem: str = ""


def split_now(platform: Platform) -> Split | None:
    """Who answers whom besides the champion; None without a rollout, and while its challenger answers nobody."""
    from churn_platform.adapters.packages import PackageError, read_package
    from churn_platform.rollout.progress import weight_of
    from churn_platform.training.candidate import ModelPackage

    recorded = platform.ops.rollout(platform.policies.governance.model)
    if recorded is None or recorded.progress.phase != "staged":
        return None
    plan = recorded.plan
    weight = weight_of(plan, recorded.progress)
    if weight == 0:
        return None
    about = (plan.salt, weight, plan.digest)
    try:
        files = read_package(platform.settings.packages, plan.package, platform.signer.verifier)
        return Split(plan.challenger, ModelPackage.from_files(plan.package, files), *about)
    except (PackageError, ValueError) as error:  # the champion answers for it, and the rollout is told
        return Split(plan.challenger, None, *about, problem=str(error))


def refuse_if_stopped(platform: Platform) -> None:
    """Raise ScoresStoppedError while the kill switch is thrown: a batch publishes the model's scores or none."""
    from churn_platform.flows.routing import KILL, LIFTED

    moves = platform.ops.decisions(kind=KILL, subject=platform.policies.governance.model, limit=1)
    if moves and moves[-1].outcome != LIFTED:
        last = moves[-1]
        raise ScoresStoppedError(
            f"the kill switch is thrown by {last.actor} since {last.at:%Y-%m-%d %H:%M}: {last.reasons[0]}. Nothing was scored, "
            "what was published stays; `churn kill --mode lift` lets the scores go on"
        )
