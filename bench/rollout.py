"""What a canary lets through: bad challengers on a fast clock, a hundred rollouts each, decided by the platform's own `decide`.

    python -m bench rollout

Every half hour 6,000 requests come (three a second), the challenger's share of them answered by it; errors, the 99th percentile, score
shift and estimated AUC are drawn anew as a collector would measure them. Told are: how many were sent back before everybody had them, the
largest share of customers they reached, hours until the way back, and requests answered by the challenger. The made challengers
stand for what a collector sees of them, not for models.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from churn_platform.policies import load_policies
from churn_platform.rollout.decision import decide
from churn_platform.rollout.evidence import Evidence, Measure
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import Event, Kind, Progress, after
from churn_platform.rollout.strategies import plan_rollout

ROLLOUTS = 100
REQUESTS, TICK = 6_000, timedelta(minutes=30)
SPREAD = 1.1  # standard error of a difference of estimated AUC is SPREAD / sqrt(requests)
START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Challenger:
    """What a collector sees of it: share of errors, p99 in seconds, difference of score distributions (nats), loss of AUC."""

    name: str
    errors: float = 0.001
    p99: float = 0.15
    shift: float = 0.005
    loss: float = 0.0
    gross: bool = True


CHALLENGERS = (
    Challenger("as good as the champion", gross=False),
    Challenger("2 % errors", errors=0.02),
    Challenger("5 % errors", errors=0.05),
    Challenger("20 % errors", errors=0.20),
    Challenger("twice as slow", p99=0.31),
    Challenger("AUC lower by 0.03", loss=0.03, gross=False),
    Challenger("AUC lower by 0.05", loss=0.05, gross=False),
    Challenger("AUC lower by 0.10", loss=0.10),
    Challenger("scores shifted", shift=0.3),
    Challenger("the same score for everybody", shift=2.0, loss=0.35),
    Challenger("NaN for everybody", errors=1.0),
    Challenger("two columns swapped", shift=0.25, loss=0.15),
)


def measure() -> list[dict[str, Any]]:
    """Per challenger: share sent back, largest share of customers reached, hours, requests answered."""
    agreed = plan()
    versions = {"python": platform.python_version(), "numpy": np.__version__, "plan": agreed.digest[:12]}
    rows: list[dict[str, Any]] = []
    for number, challenger in enumerate(CHALLENGERS):
        ends = [lived(agreed, challenger, np.random.default_rng([number, one])) for one in range(ROLLOUTS)]
        back = [end for end in ends if end.sent_back]
        farthest = max(end.weight for end in ends)
        if challenger.gross and farthest >= 0.25:
            raise RuntimeError(f"a challenger with {challenger.name} reached {farthest:.0%} of the customers")
        figures = {
            "sent back": ("of 100", float(len(back))),
            "largest share of customers reached": ("share", farthest),
            "hours to the way back, median": ("h", float(np.median([end.hours for end in back])) if back else None),
            "requests it answered, median": ("requests", float(np.median([end.requests for end in ends]))),
        }
        for what, (unit, value) in figures.items():
            if value is not None:
                rows.append(
                    {
                        "name": f"canary, {challenger.name}: {what}",
                        "unit": unit,
                        "ours": value,
                        "peer": None,
                        "ratio": None,
                        "versions": versions,
                        "peer_name": None,
                    }
                )
    return rows


@dataclass(frozen=True)
class End:
    """How a rollout ended, or that everybody has the challenger."""

    sent_back: bool
    weight: float
    hours: float
    requests: int


def lived(agreed: Plan, challenger: Challenger, rng: np.random.Generator) -> End:
    """One canary until it is sent back or promoted."""
    progress, now, answered, reached = Progress("staged", 0, START), START, 0, 0.0
    for evidence in collecting(agreed, challenger, rng):
        reached = max(reached, agreed.stages[progress.stage].weight)
        now += TICK
        measures, requests = evidence(progress, now)
        answered += requests
        decided = decide(Evidence(agreed.digest, progress.stage, measures), agreed, progress, now)
        kinds: dict[str, Kind] = {"advance": "advanced", "complete": "promoted", "rollback": "rolled_back"}
        if decided.action in kinds:
            event = Event(kinds[decided.action], now, "service:bench", decided.reasons)
            progress = after(agreed, progress, event)
            if progress.phase != "staged":
                hours = (now - START) / timedelta(hours=1)
                return End(progress.over, reached if progress.over else 1.0, hours, answered)
    raise AssertionError("collecting never ends")


def collecting(agreed: Plan, challenger: Challenger, rng: np.random.Generator) -> Iterator[Any]:
    """Endlessly: what is known at the next tick, over all requests that the challenger has answered."""
    known = {"requests": 0, "errors": 0}
    sums = {"information": 0.0, "lost": 0.0}

    def next_tick(progress: Progress, now: datetime) -> tuple[dict[str, Measure], int]:
        more = int(REQUESTS * agreed.stages[progress.stage].weight)
        known["requests"] += more
        known["errors"] += int(rng.binomial(more, challenger.errors))
        gained = more / SPREAD**2
        sums["information"] += gained
        sums["lost"] += rng.normal(challenger.loss * gained, np.sqrt(gained))
        rows = known["requests"]
        share = known["errors"] / rows
        measures = {"error_rate": Measure(share, rows, now)}
        if share < 1:
            noise = float(rng.chisquare(9)) / (2 * rows)
            error = sums["information"] ** -0.5
            measures |= {
                "p99": Measure(float(rng.normal(challenger.p99, 0.01)), rows, now),
                "score_shift": Measure(challenger.shift + noise, rows, now),
                "auc_degradation": Measure(sums["lost"] / sums["information"], rows, now, error),
            }
        return measures, more

    while True:
        yield next_tick


def plan() -> Plan:
    """The policy's canary."""
    policies = load_policies()
    return plan_rollout(
        policies.rollout,
        model=policies.governance.model,
        champion="churn-1",
        challenger="churn-2",
        package="c" * 64,
        risk_tier="low",
        salt="bench",
        policy_digest=policies.digest,
        max_score_shift=policies.drift.prediction.kl,
        base_rate=policies.kpis.churn_rate.baseline,
        label_horizon=policies.label.horizon,
        strategy="canary",
    )
