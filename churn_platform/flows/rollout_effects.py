"""What a move of a rollout brings with it: packages verified, the API's routing, MLflow's mirror, a ticket.

What belongs here: effects outside the rollout's own record, each of which may be repeated. What does not: which move it is
(`flows/rollout`), and the record itself (`adapters/ops_store`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from churn_platform.adapters.platform import Platform

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
    from churn_platform.flows.retraining import record_release_finding

    said = tuple(f"{moved.rollout} of {moved.plan.challenger}: {reason}" for reason in reasons)
    record_release_finding(platform, kind, said, platform.now().date())
