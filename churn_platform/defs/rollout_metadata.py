"""What the Dagster UI shows of a rollout: dressing of the values that flows return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from churn_platform.adapters.ops_store.rollouts import RecordedRollout
    from churn_platform.rollout.evidence import Evidence

Metadata = dict[str, Any]


def evidence_metadata(recorded: RecordedRollout, evidence: Evidence) -> Metadata:
    """Each measure with its rows and its age."""
    table = "\n".join(
        f"| {name} | {one.value:.5g} | {one.rows:,} | {one.at:%Y-%m-%d %H:%M} |"
        for name, one in evidence.measures.items()
    )
    return {
        "rollout": recorded.rollout,
        "challenger": recorded.plan.challenger,
        "plan": recorded.plan.digest,
        "stage": evidence.stage,
        "measures": dg.MetadataValue.md(f"| measure | value | rows | as of |\n|---|---|---|---|\n{table}"),
        **({"problem": evidence.problem} if evidence.problem else {}),
    }


def rollout_metadata(found: Mapping[str, Any]) -> Metadata:
    """Where a rollout stands, from its status."""
    following = found["next"]
    return {
        **{
            name: str(found[name])
            for name in ("rollout", "champion", "challenger", "strategy", "evidence", "plan", "phase")
        },
        "weight": found["weight"],
        **({"stage": found["stage"]["name"]} if found["stage"] else {}),
        **({"next": following["action"], "why": "; ".join(following["reasons"])} if following else {}),
    }
