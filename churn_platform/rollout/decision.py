"""What to do with a rollout now: advance, hold, roll back or complete.

Belongs here: the one rule, pure. Does not belong here: verdicts (`gates`), carrying it out (flows).

- A guardrail that fails rolls back, whatever else is known, in every stage and while a person holds it.
- A gate that passes after the stage's dwell, with no guardrail in doubt, advances; after the last stage it completes: the challenger is
  promoted, then watched.
- A gate that fails when the stage is over rolls back.
- Whatever is unknown holds. When it has held for the stage's hold budget it rolls back, or asks a person and goes on holding. After
  the promotion a person is asked in any case: everybody has the challenger, and taking a champion away on no evidence is no safer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from churn_platform.rollout.evidence import Evidence
from churn_platform.rollout.gates import judge
from churn_platform.rollout.plan import Plan, Stage
from churn_platform.rollout.progress import Progress, stage_of
from churn_platform.rollout.verdicts import Check

Action = Literal["advance", "hold", "rollback", "complete"]


@dataclass(frozen=True, slots=True)
class RolloutDecision:
    """What to do, why, and the checks it rests on; `ask` where a person is to be asked."""

    action: Action
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    ask: bool = False


def decide(evidence: Evidence | None, plan: Plan, progress: Progress, now: datetime) -> RolloutDecision:
    """What to do with the rollout of `plan` that stands at `progress`, from the evidence of its stage."""
    if progress.over:
        return RolloutDecision("hold", (f"it is {progress.phase.replace('_', ' ')}",), ())
    stage = stage_of(plan, progress)
    judged = judge(evidence, plan, stage, progress.stage, progress.entered, now)
    checks = tuple(dict.fromkeys([*judged.guardrails, *judged.gate]))
    if judged.broken:
        return RolloutDecision("rollback", tuple(check.reason for check in judged.broken), checks)
    if now < progress.entered:
        return RolloutDecision("hold", (f"the clock says {now.isoformat()}, before the stage began",), checks)
    due = progress.entered + stage.dwell
    verdict = judged.verdict
    if now >= due or stage.decides_early:
        failed = tuple(check.reason for check in judged.gate if check.verdict == "fail")
        if failed:
            return RolloutDecision("rollback", failed, checks)
        if verdict == "pass" and not judged.doubtful and progress.held is None:
            return RolloutDecision(_forward(plan, progress), tuple(check.reason for check in judged.gate), checks)
    undecided = dict.fromkeys([*judged.gate, *judged.doubtful])
    unknown = tuple(check.reason for check in undecided if check.verdict == "inconclusive")
    waited_from = due if progress.held is None else max(due, progress.held)
    if now - waited_from >= stage.hold_budget and now >= due:
        ask = plan.on_hold_exhausted == "ask" or progress.phase == "watching"
        return _exhausted(stage, ask, unknown or ("a person holds it",), checks)
    if progress.held is not None:
        return RolloutDecision("hold", ("a person holds it", *unknown), checks)
    if now < due:
        left = due - now
        return RolloutDecision("hold", (f"the stage lasts {left} longer", *unknown), checks)
    return RolloutDecision("hold", unknown, checks)


def _forward(plan: Plan, progress: Progress) -> Action:
    return "advance" if progress.phase == "staged" and progress.stage < len(plan.stages) - 1 else "complete"


def _exhausted(stage: Stage, ask: bool, unknown: tuple[str, ...], checks: tuple[Check, ...]) -> RolloutDecision:
    said = f"stage {stage.name} has been undecided for its hold budget of {stage.hold_budget}"
    if ask:
        return RolloutDecision("hold", (f"{said}: a person decides", *unknown), checks, ask=True)
    return RolloutDecision("rollback", (said, *unknown), checks)
