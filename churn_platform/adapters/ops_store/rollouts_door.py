"""The ops store's door for rollouts: the part of `OpsStore` that releasing uses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from churn_platform.adapters.ops_store import ledger, rollouts
from churn_platform.adapters.ops_store.anchor import Anchor
from churn_platform.adapters.ops_store.database import reading
from churn_platform.adapters.ops_store.rollouts import RecordedRollout
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import Kind
from churn_platform.rollout.verdicts import Check


class RolloutsDoor:
    """Rollouts: plans, and what happens to them."""

    _engine: sa.Engine
    _anchor: Anchor

    def start_rollout(self, plan: Plan, reason: str, *, actor: str, at: datetime) -> RecordedRollout:
        """Start a plan; RolloutConflict where another is under way, or the champion is not who it is to succeed."""
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            return rollouts.start(change, plan, reason)

    def move_rollout(
        self,
        rollout: str,
        position: int,
        kind: Kind,
        reasons: Sequence[str],
        checks: Sequence[Check] = (),
        *,
        actor: str,
        at: datetime,
    ) -> RecordedRollout:
        """Record the next event, with the change of champion that it brings; RolloutConflict if another came first."""
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            return rollouts.move(change, rollout, position, kind, reasons, checks)

    def rollout(self, model_name: str) -> RecordedRollout | None:
        """The rollout of a model that is under way; None where none is."""
        with reading(self._engine) as connection:
            return rollouts.open_rollout(connection, model_name)

    def rollouts(self, model_name: str) -> tuple[RecordedRollout, ...]:
        """All rollouts of a model, the first one first."""
        with reading(self._engine) as connection:
            return rollouts.matching(connection, model_name)
