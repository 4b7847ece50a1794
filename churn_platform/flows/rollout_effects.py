"""What a move of a rollout brings with it: packages verified, the API's routing, MLflow's mirror, a ticket.

What belongs here: effects outside the rollout's own record, each of which may be repeated. What does not: which move it is
(`flows/rollout`), and the record itself (`adapters/ops_store`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from churn_platform.adapters.platform import ACTOR, Platform

if TYPE_CHECKING:
    from churn_platform.adapters.ops_store.rollouts import RecordedRollout
    from churn_platform.rollout.progress import Kind

_log = logging.getLogger(__name__)


def verify(platform: Platform, digest: str) -> None:
    """The package as it lies there; PackageError where it is not what was signed."""
    from churn_platform.adapters.packages import read_package

    read_package(platform.settings.packages, digest, platform.signer.verifier)


def mirror(platform: Platform, champion_changed: bool = False) -> None:
    """What the API follows, and MLflow's alias; both are mended by whoever finds them behind.

    The ops store has decided before, and the API follows the file: a registry that does not answer keeps neither from being true.
    """
    from churn_platform.flows.routing import publish_routing

    publish_routing(platform)
    if champion_changed:
        from churn_platform.flows.models import mirror_states

        try:
            mirror_states(platform)
        except Exception as error:
            _log.warning("MLflow's mirror is behind, the next release or review mends it: %s", error)


def record_end(platform: Platform, moved: RecordedRollout, kind: Kind, reasons: tuple[str, ...]) -> None:
    """A challenger that was sent back, or waits for a person, becomes a ticket; one that was promoted lets that ticket rest."""
    from churn_platform.drift.finding import Finding, Window

    stopped, day, plan = kind in ("rolled_back", "asked"), platform.now().date(), moved.plan
    finding = Finding(
        signal="rollout_stopped",
        subject="rollout",
        severity="warning" if stopped else "ok",
        statistic="rollouts that stopped",
        value=1.0 if stopped else 0.0,
        threshold=1.0,
        window=Window(day, day, 1),
        reason=f"{moved.rollout} of {plan.challenger} was {kind.replace('_', ' ')}: {'; '.join(reasons)}",
        remedy="See `churn rollout status`, then docs/runbooks/rollout_stopped.md",
        acts=stopped,
        evidence={"rollout": moved.rollout, "plan": plan.digest, "event": kind},
    )
    champion = platform.ops.champion(plan.model)
    version = champion.version if champion is not None else None
    platform.ops.record_findings(day, "rollout", version, [finding], actor=ACTOR, at=platform.now())
