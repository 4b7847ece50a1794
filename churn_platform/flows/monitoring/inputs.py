"""What monitoring reads: feature rows with each customer's month before, raw rows, published scores, departures, the champion's baseline.

What belongs here: reading. What does not: judging (`drift/`), and the landed files (`schema`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.drift.baseline import BASELINE_FILE, Baseline, make_baseline
from churn_platform.drift.panel import FEATURES, GROWS_ANYWAY, Watched, watched_features, watched_sources

if TYPE_CHECKING:
    from churn_platform.drift.context import HoldoutAuc
    from churn_platform.training.candidate import Candidate

SOURCES = ("account_usage", "support_tickets", "invoices")
LOOK_BACK = timedelta(62)
"""How far before a day the same customer's observation before is looked for: two billing cycles."""


class NoBaselineError(LookupError):
    """The champion's package holds no drift baseline: it was packed before there was one."""


@dataclass(frozen=True)
class MonitoredChampion:
    """The champion as monitoring needs it."""

    version: str
    digest: str
    baseline: Baseline
    influence: Mapping[str, float]
    holdout: HoldoutAuc | None
    features: tuple[str, ...]


def monitored_champion(platform: Platform) -> MonitoredChampion:
    """The champion's baseline, importance and holdout AUC, from its verified package.

    Raises:
        NoChampionError: no champion yet. NoBaselineError: its package has no drift baseline. PackageError: it is damaged.
    """
    from churn_platform.adapters.packages import read_package
    from churn_platform.flows.scoring import NoChampionError

    champion = platform.ops.champion(platform.policies.governance.model)
    if champion is None:
        raise NoChampionError(
            "no champion has been released in this home yet: run `churn run`, or `churn train`, first"
        )
    digest = platform.ops.model(champion.version).package_digest
    files = read_package(platform.settings.packages, digest, platform.signer.verifier)
    if BASELINE_FILE not in files:
        raise NoBaselineError(
            f"the champion {champion.version} was packed without a {BASELINE_FILE}: train again, and drift is judged from then on"
        )
    return MonitoredChampion(
        champion.version,
        digest,
        Baseline.from_dict(json.loads(files[BASELINE_FILE])),
        {one["feature"]: float(one["share"]) for one in json.loads(files["importance.json"])},
        _holdout(json.loads(files["evaluation.json"])),
        tuple(feature["name"] for feature in json.loads(files["features.json"])["features"]),
    )


def _holdout(evaluation: Mapping[str, Any]) -> HoldoutAuc | None:
    from statistics import NormalDist

    from churn_platform.drift.context import HoldoutAuc

    auc = evaluation.get("metrics", {}).get("auc")
    if auc is None or auc.get("value") is None:
        return None
    width = NormalDist().inv_cdf(0.5 + float(auc["confidence"]) / 2.0)
    return HoldoutAuc(float(auc["value"]), (float(auc["high"]) - float(auc["low"])) / (2.0 * width))


def feature_rows(platform: Platform, first: date, last: date) -> pd.DataFrame:
    """Feature rows observed in [first, last], each with `before.<feature>` and `before.observation_date` of the same customer's
    observation before; blank where there was none within `LOOK_BACK`."""
    before = ", ".join(
        f'lag({name}) OVER w AS "before.{name}"'
        for name in ("observation_date", *(f.name for f in FEATURES if f.name not in GROWS_ANYWAY))
    )
    return platform.warehouse.coded(
        f"WITH seen AS (SELECT *, {before} FROM features_v2 WHERE observation_date BETWEEN $from AND $last "
        "WINDOW w AS (PARTITION BY customer_id ORDER BY observation_date)) "
        "SELECT * EXCLUDE (attributes_known_at) FROM seen WHERE observation_date >= $first ORDER BY observation_date, customer_id",
        {"from": first - LOOK_BACK, "first": first, "last": last},
    )


def source_rows(platform: Platform, first: date, last: date) -> dict[str, pd.DataFrame]:
    """Accepted raw rows that landed in [first, last], by table."""
    return {
        table: platform.warehouse.query(
            f"SELECT * EXCLUDE (source_file, source_digest) FROM raw.{table} WHERE landed_on BETWEEN $first AND $last "
            "ORDER BY landed_on, customer_id",
            {"first": first, "last": last},
        )
        for table in SOURCES
    }


def watched_columns(platform: Platform, first: date, last: date) -> dict[str, Watched]:
    """Every watched column but the score, over the days from `first` to `last`."""
    newcomers = platform.policies.drift.newcomers
    features = watched_features(feature_rows(platform, first, last), FEATURES, newcomers)
    return {**features, **watched_sources(source_rows(platform, first, last))}


def published_scores(platform: Platform, first: date, last: date, digest: str) -> pd.DataFrame:
    """The scores that the champion published for [first, last]: customer_id, observation_date, probability, band. Scores of another
    model are left out: they are not comparable with this one's reference."""
    from churn_platform.flows.monitoring.scored import published_day, published_days

    root = platform.settings.published
    frames = [published_day(root, name)[0] for name in published_days(root, first, last)]
    if not frames:
        return pd.DataFrame(
            {"customer_id": pd.Series(dtype="str"), "observation_date": pd.Series(dtype="datetime64[s]"),
             "probability": pd.Series(dtype="float64"), "band": pd.Series(dtype="str")}
        )  # fmt: skip
    scores = pd.concat(frames, ignore_index=True)
    scores["observation_date"] = pd.to_datetime(scores["observation_date"])
    return scores[scores["model_digest"] == digest].drop(columns="model_digest").reset_index(drop=True)


def with_segments(platform: Platform, rows: pd.DataFrame, segments: tuple[str, ...]) -> pd.DataFrame:
    """Scored rows with the segment columns of their features."""
    if rows.empty or not segments:
        return rows.assign(**{name: pd.Series(dtype="str") for name in segments}) if rows.empty else rows
    first, last = rows["observation_date"].min().date(), rows["observation_date"].max().date()
    known = platform.warehouse.query(
        f"SELECT customer_id, observation_date, {', '.join(segments)} FROM features_v2 "
        "WHERE observation_date BETWEEN $first AND $last",
        {"first": first, "last": last},
    )
    known["observation_date"] = known["observation_date"].astype(rows["observation_date"].dtype)
    return rows.merge(known, on=["customer_id", "observation_date"], how="left")


def with_departures(platform: Platform, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows (customer_id, observation_date) with churned_on and churn_known_at of a departure after it; NaT where nobody left."""
    gone = platform.warehouse.query("SELECT customer_id, churned_on, churn_known_at FROM int_departures")
    out = rows.assign(customer_id=rows["customer_id"].astype("str")).merge(
        gone.assign(customer_id=gone["customer_id"].astype("str")), on="customer_id", how="left"
    )
    for name in ("churned_on", "churn_known_at"):
        out[name] = pd.to_datetime(out[name])
    before = out["churned_on"] <= out["observation_date"]
    out.loc[before, ["churned_on", "churn_known_at"]] = pd.NaT
    return out


def baseline_of_candidate(platform: Platform, candidate: Candidate) -> bytes:
    """The drift baseline of a candidate, as its package's file: the training window, seen as drift will be judged."""
    from churn_platform.governance.canonical import canonical_json
    from churn_platform.scoring import bands

    split, policies = candidate.split, platform.policies
    watched = watched_columns(platform, split.train_from, split.train_to)
    rows = with_departures(platform, split.train.frame[["customer_id", "observation_date"]]).assign(
        churned=split.train.churned
    )
    names, counts = np.unique(np.asarray(bands(candidate.scores, policies.scoring)).astype(str), return_counts=True)
    baseline = make_baseline(
        watched,
        candidate.scores,
        rows,
        bands={str(name): float(count) / len(rows) for name, count in zip(names, counts, strict=True)},
        bins=policies.drift.bins,
        min_rows=policies.drift.window.min_rows,
        horizon_days=policies.label.horizon.days,
    )
    return canonical_json(baseline.to_dict()).encode()
