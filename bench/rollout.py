"""What a canary lets through: bad challengers on a fast clock, a hundred rollouts each, decided by the platform's own `decide`.

    python -m bench rollout

Champion and challenger are models of the recipe on the IBM replay, and the customers those of its holdout, drawn anew for each rollout
(7,043 of them). Every half hour 6,000 requests come (three a second) from customers drawn at random, and the challenger answers those
whom the plan's hash gives it. Share of errors, 99th percentile, slowdown, score shift and estimated AUC are measured on what was asked,
as the collector measures them. Of equal models a thousand are rolled out. What is wrong with a challenger is done to its answers:
failures, doubled times, noise on its margin until its AUC against the true outcomes is lower by the figure, a shift, a constant, or two
columns swapped before the model reads them.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.comparison import replayed
from churn_platform.flows import both_models
from churn_platform.flows.both_models import Answers
from churn_platform.rollout.assignment import place
from churn_platform.rollout.decision import decide
from churn_platform.rollout.evidence import Evidence, Measure
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import Event, Kind, Progress, after
from churn_platform.rollout.strategies import plan_rollout

ROLLOUTS, CUSTOMERS = 100, 7_043
REQUESTS, TICK = 6_000, timedelta(minutes=30)
SECONDS, SPREAD = 0.012, 0.5  # median and log-spread of an answer's time: p99 of 38 ms
KEPT = 50_000  # newest answers that are timed
ERRORS = 0.001
START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
Floats = Any


@dataclass(frozen=True)
class Challenger:
    """What is wrong with it: share of failures, times as slow, and what it says instead of the equal model's answers."""

    name: str
    answers: Callable[[Any], Floats] = lambda recipe: recipe.equal
    errors: float = ERRORS
    slower: float = 1.0
    gross: bool = True


CHALLENGERS = (
    Challenger("as good as the champion", gross=False),
    Challenger("2 % errors", errors=0.02),
    Challenger("5 % errors", errors=0.05),
    Challenger("20 % errors", errors=0.20),
    Challenger("twice as slow", slower=2.0),
    Challenger("AUC lower by 0.03", lambda recipe: recipe.worse(0.03), gross=False),
    Challenger("AUC lower by 0.05", lambda recipe: recipe.worse(0.05), gross=False),
    Challenger("AUC lower by 0.10", lambda recipe: recipe.worse(0.10)),
    Challenger("scores shifted by one logit", lambda recipe: expit(logit(recipe.equal) + 1)),
    Challenger("the same score for everybody", lambda recipe: np.full(len(recipe.equal), 0.265)),
    Challenger("NaN for everybody", lambda recipe: np.full(len(recipe.equal), np.nan), errors=1.0),
    Challenger("two columns swapped", lambda recipe: recipe.swapped),
)


def measure(rollouts: int = ROLLOUTS) -> list[dict[str, Any]]:
    """Per challenger: rollouts sent back, largest share of customers reached, hours, customers and requests that met it."""
    recipe, agreed = Recipe(), plan()
    versions = {"python": platform.python_version(), "numpy": np.__version__, "plan": agreed.digest[:12]}
    rows: list[dict[str, Any]] = []
    for number, challenger in enumerate(CHALLENGERS):
        said = challenger.answers(recipe)
        tries = rollouts * 10 if number == 0 else rollouts  # of equal models more, since few may be sent back
        ends = [lived(agreed, recipe, challenger, said, np.random.default_rng([number, one])) for one in range(tries)]
        back = [end for end in ends if end.sent_back]
        farthest = max(end.weight for end in ends)
        if challenger.gross and (farthest >= 0.25 or len(back) < tries):
            raise RuntimeError(f"a challenger with {challenger.name} reached {farthest:.0%} of the customers")
        figures = {
            "true AUC below the champion's": ("AUC", recipe.lost(said)),
            "sent back": (f"of {tries}", float(len(back))),
            "largest share of customers reached": ("share", farthest),
            "hours to the way back, median": ("h", float(np.median([end.hours for end in back])) if back else None),
            "customers who met it, median": ("customers", float(np.median([end.customers for end in ends]))),
            "requests it answered, median": ("requests", float(np.median([end.requests for end in ends]))),
        }
        for what, (unit, value) in figures.items():
            if value is not None:
                about = {"peer": None, "ratio": None, "versions": versions, "peer_name": None}
                rows.append({"name": f"canary, {challenger.name}: {what}", "unit": unit, "ours": value, **about})
    return rows


class Recipe:
    """Two models of the recipe, and what they say of the holdout."""

    def __init__(self) -> None:
        from churn_platform.training.fit import fit
        from churn_platform.training.split import temporal_split
        from churn_platform.training.tuning import tune

        examples, policies, _ = replayed()
        split = temporal_split(examples, policies.training)
        tuning = tune(split.train, policies.training)
        held = split.holdout.frame
        champion = fit(split.train, tuning, policies.training)
        other = policies.changed("training.seed", 1001, reason="another seed of the same recipe").training
        challenger = fit(split.train, tuning, other)
        self.churned = held["churned"].to_numpy() == 1
        self.champion = champion.probability(held)
        self.equal = challenger.probability(held)
        swapped = held.assign(tenure_months=held["monthly_charges"], monthly_charges=held["tenure_months"])
        self.swapped = challenger.probability(swapped)
        cuts = np.quantile(self.champion, np.linspace(0.1, 0.9, 9))
        self.pair: Any = SimpleNamespace(
            champion=_package(cuts, champion.threshold.value), challenger=_package(cuts, challenger.threshold.value)
        )

    def auc(self, scores: Floats) -> float:
        """Against the true outcomes."""
        from churn_platform.evaluation.auc import auc
        from churn_platform.evaluation.outcomes import scored_outcomes

        return float(auc(scored_outcomes(self.churned, scores)).value)

    def lost(self, scores: Floats) -> float | None:
        """How much AUC it has lost against the champion; None where it has none."""
        return None if np.isnan(scores).any() else self.auc(self.champion) - self.auc(scores)

    def worse(self, loss: float) -> Floats:
        """The equal model's answers with noise on the margin, as much as costs `loss` of AUC."""
        noise = np.random.default_rng(3).normal(size=len(self.equal))
        low, high = 0.0, 20.0
        for _ in range(40):
            middle = (low + high) / 2
            lost = self.auc(self.champion) - self.auc(expit(logit(self.equal) + middle * noise))
            low, high = (middle, high) if lost < loss else (low, middle)
        return expit(logit(self.equal) + low * noise)


def _package(cuts: Floats, threshold: float) -> Any:
    model = SimpleNamespace(threshold=SimpleNamespace(value=threshold))
    return SimpleNamespace(reference=SimpleNamespace(decile_cuts=tuple(cuts)), model=model)


def logit(p: Floats) -> Floats:
    return np.log(p / (1 - p))


def expit(margin: Floats) -> Floats:
    return 1 / (1 + np.exp(-margin))


@dataclass(frozen=True)
class End:
    """How a rollout ended, or that everybody has the challenger."""

    sent_back: bool
    weight: float
    hours: float
    customers: int
    requests: int


def lived(agreed: Plan, recipe: Recipe, challenger: Challenger, said: Floats, rng: np.random.Generator) -> End:
    """One canary until it is sent back or promoted."""
    drawn = rng.integers(0, len(said), CUSTOMERS)
    ours, theirs = recipe.champion[drawn], said[drawn]
    places = np.array([place(f"{agreed.salt}/{int(rng.integers(1 << 40))}", str(n)) for n in range(CUSTOMERS)])
    progress, now, reached = Progress("staged", 0, START), START, 0.0
    met, requests = np.zeros(CUSTOMERS, dtype=bool), 0
    stage = Stage(recipe, challenger, ours, theirs)
    while True:
        now += TICK
        weight = agreed.stages[progress.stage].weight
        reached = max(reached, weight)
        asked = rng.integers(0, CUSTOMERS, REQUESTS)
        hers = places[asked] < weight
        met[asked[hers]] = True
        requests += int(hers.sum())
        measures = stage.after(asked, int(hers.sum()), now, rng)
        decided = decide(Evidence(agreed.digest, progress.stage, measures), agreed, progress, now)
        kinds: dict[str, Kind] = {"advance": "advanced", "complete": "promoted", "rollback": "rolled_back"}
        if decided.action in kinds:
            progress = after(agreed, progress, Event(kinds[decided.action], now, "service:bench", decided.reasons))
            stage = Stage(recipe, challenger, ours, theirs)
            if progress.phase != "staged":
                hours = (now - START) / timedelta(hours=1)
                return End(progress.over, reached if progress.over else 1.0, hours, int(met.sum()), requests)


class Stage:
    """What was asked and answered since a stage began."""

    def __init__(self, recipe: Recipe, challenger: Challenger, ours: Floats, theirs: Floats) -> None:
        self.recipe, self.challenger, self.ours, self.theirs = recipe, challenger, ours, theirs
        self.asked = np.zeros(len(ours), dtype=bool)
        self.times = [np.empty(0), np.empty(0)]
        self.rows = self.failed = self.compared_at = 0
        self.compared: list[tuple[str, Measure]] = []

    def after(self, asked: Floats, hers: int, now: datetime, rng: np.random.Generator) -> dict[str, Measure]:
        """The measures after one more tick's requests, `hers` of which the challenger answered."""
        self.asked[asked] = True
        self.rows += hers
        self.failed += int(rng.binomial(hers, self.challenger.errors))
        for number, (slower, count) in enumerate(((1.0, len(asked) - hers), (self.challenger.slower, hers))):
            more = SECONDS * slower * np.exp(SPREAD * rng.normal(size=count))
            self.times[number] = np.concatenate([self.times[number], more])[-KEPT:]
        measures = {"error_rate": Measure(self.failed / self.rows, self.rows, now)}
        if self.failed < self.rows:
            beside, mine = self.times
            measures["p99"] = Measure(float(np.quantile(mine, 0.99)), len(mine), now)
            slowdown = float(np.median(mine) / np.median(beside) - 1)
            measures["slowdown"] = Measure(slowdown, min(len(mine), len(beside)), now)
            known = int(self.asked.sum())
            if known > 1.02 * self.compared_at:  # nobody new has asked: the same customers say the same
                one, other = (Answers(scores[self.asked], np.empty(0)) for scores in (self.ours, self.theirs))
                self.compared_at, self.compared = known, both_models.compared(self.recipe.pair, one, other, now)
            measures |= {name: Measure(m.value, m.rows, now, m.error) for name, m in self.compared}
        return measures


def plan() -> Plan:
    """The policy's canary, with requests."""
    from churn_platform.policies import load_policies

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
        evidence="api",
    )
