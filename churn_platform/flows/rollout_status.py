"""Where a rollout stands, as an answer.

What belongs here: reading what is recorded and known into plain values. What does not: their wording (`cli/rollout`), and any move.
"""

from __future__ import annotations

from typing import Any

from churn_platform.adapters.platform import Platform
from churn_platform.flows.rollout import Collector, collected
from churn_platform.rollout.decision import decide
from churn_platform.rollout.gates import WANTED
from churn_platform.rollout.progress import stage_of, weight_of

Answer = dict[str, Any]


def status(platform: Platform, collect: Collector | None = None) -> Answer:
    """Where the open rollout stands (or the last one ended), what is known, and what the next tick would do."""
    every = platform.ops.rollouts(platform.policies.governance.model)
    if not every:
        return {"rollout": None, "before": 0}
    recorded = every[-1]
    plan, progress, now = recorded.plan, recorded.progress, platform.now()
    stage = None if progress.over else stage_of(plan, progress)
    decision = None if progress.over else decide(collected(platform, recorded, collect, now), plan, progress, now)
    return {
        "rollout": recorded.rollout,
        "before": len(every) - 1,
        "champion": plan.champion,
        "challenger": plan.challenger,
        "strategy": plan.strategy,
        "evidence": plan.evidence,
        "plan": plan.digest,
        "phase": progress.phase,
        "weight": weight_of(plan, progress),
        "held": progress.held.isoformat() if progress.held else None,
        "asked": progress.asked.isoformat() if progress.asked else None,
        "stage": None
        if stage is None
        else {
            "name": stage.name,
            "number": progress.stage + 1,
            "of": len(plan.stages),
            "entered": progress.entered.isoformat(),
            "lasts_until": (progress.entered + stage.dwell).isoformat(),
            "gate": stage.gate,
            "asks_for": list(WANTED[stage.gate]),
        },
        "next": None
        if decision is None
        else {
            "action": decision.action,
            "reasons": list(decision.reasons),
            "checks": [{"name": one.name, "verdict": one.verdict, "reason": one.reason} for one in decision.checks],
        },
        "events": [
            {"kind": one.kind, "at": one.at.isoformat(), "by": one.actor, "reasons": list(one.reasons)}
            for one in recorded.events
        ],
    }
