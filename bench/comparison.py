"""How often a comparison decides rightly on the real rows: equal challengers (same recipe, other seed) and planted worse ones.

    python -m bench comparison
    python -m bench.comparison --seeds 100 --cache FOLDER

Every challenger is trained in full on the IBM replay's training rows (tuned, calibrated, with its own threshold) and judged on its holdout
against the shipped seed's model. A worse one learns from a part of the rows, from labels of which a share is wrong, or without the most
influential features. No peer: nothing that a user would pick instead decides.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MADE = Path(tempfile.gettempdir()) / "churn-bench-comparison"
WORSE = ("eighth_of_rows", "third_of_labels_wrong", "without_contract_and_tenure", "four_rounds")


def measure(seeds: int = 12, cache: Path = MADE) -> list[dict[str, Any]]:
    """One entry per kind of challenger: how many tries, how many were decided as they should."""
    examples, policies, worth = replayed()
    found: dict[str, Counter[str]] = {}
    for kind, outcome in outcomes(examples, policies, worth, seeds, cache):
        found.setdefault(kind, Counter())[outcome] += 1
    rows = []
    for kind, counted in found.items():
        tries = sum(counted.values())
        right = counted["tie"] if kind == "equal" else tries - counted["wins"]
        name = "equal challenger: a tie" if kind == "equal" else f"worse challenger, {kind}: kept out"
        rows.append(
            {
                "name": name,
                "unit": f"of {tries}",
                "ours": right,
                "peer": None,
                "ratio": None,
                "versions": dict(counted),
            }
        )
    return rows


def replayed() -> tuple[Any, Any, Any]:
    """The replay's matured examples as the main job trains on them, the policies, and the worth of each customer."""
    from churn_platform.adapters.extract import find_extract, read_extract
    from churn_platform.contracts.features import FEATURE_SETS
    from churn_platform.feeds.calendar import replay_calendar
    from churn_platform.feeds.ibm import replay
    from churn_platform.policies import load_policies
    from churn_platform.settings import load_settings
    from churn_platform.training.examples import training_examples

    policies = load_policies()
    landed = replay(read_extract(find_extract(load_settings())), policies)
    as_of = replay_calendar(policies).training_as_of
    customers = landed["customers"].assign(attributes_known_at=lambda f: f["observation_date"])
    for name in ("total_charges", "monthly_charges", "tenure_months", "cltv"):
        customers[name] = pd.to_numeric(customers[name], errors="coerce").astype(float)
    customers["total_charges"] = customers["total_charges"].fillna(0.0)
    events = landed["churn_events"].set_index("customer_id")
    horizon = pd.Timedelta(policies.label.horizon)
    outcomes_ = customers[["customer_id", "observation_date"]].assign(
        matured_on=lambda f: f["observation_date"] + horizon,
        churned_on=lambda f: f["customer_id"].map(events["churned_on"]),
        churn_known_at=lambda f: f["customer_id"].map(events["known_at"]),
    )
    chosen = FEATURE_SETS["v1"]
    features = customers[["customer_id", "observation_date", "attributes_known_at", *chosen.names]]
    examples = training_examples(features, outcomes_, chosen, as_of, policies.training, policies.label.horizon)
    return examples, policies, customers.set_index("customer_id")[["cltv", "monthly_charges"]]


def outcomes(examples: Any, policies: Any, worth: pd.DataFrame, seeds: int, cache: Path) -> Iterator[tuple[str, str]]:
    """(kind, outcome) of every try."""
    from churn_platform.evaluation.comparison import Contender, compare, comparison_decision, comparison_gate, same_rows
    from churn_platform.retention.expected_value import customer_values
    from churn_platform.training.split import temporal_split

    policy = policies.champion_challenger
    split = temporal_split(examples, policies.training)
    rows = same_rows(split.holdout.frame, split.train.frame, split.train.frame)
    known = worth.loc[rows.frame["customer_id"]]
    values = customer_values(known["cltv"].to_numpy(float), known["monthly_charges"].to_numpy(float), policy.business)
    held = rows.frame.merge(split.holdout.frame.drop(columns="churned"), on=["customer_id", "observation_date"])

    def contender(version: str, scored: dict[str, Any]) -> Contender:
        return Contender(
            version, version, "v1", np.array(scored["probability"]), scored["threshold"], 0.02, scored["mb"]
        )

    champion = contender("champion", predictions(split, held, policies, "equal", policies.training.seed, cache))
    for seed in range(1, seeds + 1):
        for kind in ("equal", *WORSE):
            if kind != "equal" and seed > max(1, seeds // len(WORSE)):
                continue
            challenger = contender("challenger", predictions(split, held, policies, kind, 1000 + seed, cache))
            comparison = compare(champion, challenger, rows, values, policy, np.random.default_rng(policy.seed))
            decision = comparison_decision(comparison, comparison_gate(rows, comparison, policy), policy)
            yield kind, decision.outcome


def predictions(split: Any, held: pd.DataFrame, policies: Any, kind: str, seed: int, cache: Path) -> dict[str, Any]:
    """A challenger's probabilities of the holdout, its threshold and its size in MB; kept in `cache`."""
    from churn_platform.training.fit import fit
    from churn_platform.training.tuning import tune

    path = cache / f"{kind}-{seed}.json"
    if path.is_file():
        return dict(json.loads(path.read_text()))
    policy = policies.changed("training.seed", seed, reason="another seed of the same recipe").training
    train = spoilt(split.train, kind, np.random.default_rng(seed))
    tuning = tune(train, policy)
    if kind == "four_rounds":
        tuning = replace(tuning, rounds=4)
    model = fit(train, tuning, policy)
    found = {
        "probability": model.probability(held).tolist(),
        "threshold": model.threshold.value,
        "mb": sum(len(content) for content in model.to_files().values()) / 1e6,
        "rounds": model.record.rounds,
        "params": dict(model.record.params),
    }
    cache.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found))
    return found


def spoilt(train: Any, kind: str, rng: np.random.Generator) -> Any:
    """The training rows, made worse in the way that `kind` names."""
    if kind == "eighth_of_rows":
        return train.take(rng.random(len(train)) < 0.125)
    frame = train.frame.copy()
    if kind == "third_of_labels_wrong":
        wrong = rng.random(len(frame)) < 1 / 3
        frame["churned"] = np.where(wrong, 1 - frame["churned"], frame["churned"]).astype(np.int8)
    if kind == "without_contract_and_tenure":
        for name in ("contract", "tenure_months", "total_charges"):
            frame[name] = frame[name].sample(frac=1, random_state=int(rng.integers(2**31))).to_numpy()
    return replace(train, frame=frame)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--cache", type=Path, default=MADE)
    arguments = parser.parse_args()
    for row in measure(arguments.seeds, arguments.cache):
        print(f"{row['name']:<60} {row['ours']:>4} {row['unit']:<8} {row['versions']}")


if __name__ == "__main__":
    main()
