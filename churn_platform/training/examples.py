"""Features + matured outcomes → the rows a model may learn from, with an account of every row left out.

Here: the point-in-time join (what counts as known on `as_of`) and its refusals. Not here: the split into training and
holdout (`split`), the digest of the rows (`digest`), and files (`adapters.training_sets`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.contracts.features import Feature, FeatureSet
from churn_platform.contracts.leakage import refuse_leakage
from churn_platform.training.errors import (
    DuplicateGrainError,
    FutureKnowledgeError,
    InconsistentOutcomeError,
    MissingColumnsError,
    NoExamplesError,
    OneClassError,
    TrainingDataError,
)
from churn_platform.training.matrix import feature_values, typed_features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.policies import TrainingPolicy

GRAIN = ("customer_id", "observation_date")
ORDER = ["observation_date", "customer_id"]
KEYS = (*GRAIN, "attributes_known_at")
OUTCOME = (*GRAIN, "matured_on", "churned_on", "churn_known_at")
LABEL = "churned"
"""1 if the customer left within the label horizon, as known on `as_of`; else 0."""


@dataclass(frozen=True, slots=True)
class ExcludedFeature:
    """A feature of the set that this model does without, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Accounting:
    """Where every received feature row went: `received` is the sum of the five counts after it.

    Two notes stand beside the sum: `outcomes_without_features` rows of the outcome table had no features, and in
    `events_known_later` of the used rows the customer left but nobody knew it on `as_of`, so the label says stayed.
    """

    received: int
    used: int
    observed_later: int
    out_of_window: int
    without_outcome: int
    immature: int
    outcomes_without_features: int
    events_known_later: int


@dataclass(frozen=True)
class TrainingExamples:
    """Rows to learn from, sorted by (observation_date, customer_id).

    `frame` holds customer_id, observation_date, attributes_known_at, the features in model order (native categoricals
    with the contract's domain, float64), matured_on, and `churned` (int8). `features` are those the model uses;
    `excluded` those it cannot. `changed_on` is the earliest day on which a change that acts can have begun, None where
    nothing acts: the split holds out less of what came after it.
    """

    frame: pd.DataFrame
    feature_set: str
    features: tuple[Feature, ...]
    excluded: tuple[ExcludedFeature, ...]
    as_of: date
    window_start: date
    horizon: timedelta
    accounting: Accounting
    changed_on: date | None = None

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def churned(self) -> NDArray[np.int8]:
        """The label, int8 (rows,)."""
        return self.frame[LABEL].to_numpy(dtype=np.int8)

    @property
    def churners(self) -> int:
        """How many of the rows left."""
        return int(self.churned.sum())

    @property
    def values(self) -> NDArray[np.float32]:
        """The model's view of the rows, float32 (rows, features)."""
        return feature_values(self.frame, self.features)

    def take(self, rows: NDArray[np.bool_]) -> TrainingExamples:
        """The same examples, only `rows`; order kept, and the accounting stays that of the whole."""
        return replace(self, frame=self.frame.loc[rows].reset_index(drop=True))


def training_examples(
    features: pd.DataFrame,
    outcomes: pd.DataFrame,
    feature_set: FeatureSet,
    as_of: date,
    policy: TrainingPolicy,
    horizon: timedelta,
    changed_on: date | None = None,
) -> TrainingExamples:
    """Join features with the outcomes that had matured by `as_of`, inside the rolling window [as_of − policy.window,
    as_of].

    An event counts only if it was known by `as_of`. Features without a single value are excluded, with the reason.

    Raises LeakageError for a column that is known only afterwards, and a TrainingDataError that names table, rows and
    way out for missing columns, a doubled grain, knowledge from the future, contradicting outcomes, no rows, or one
    class; FeatureValueError for a value outside the contract.
    """
    table = feature_set.table
    refuse_leakage(feature_set.names)
    refuse_leakage(column for column in features.columns if column not in KEYS)
    known = _keyed(features, table, (*KEYS, *feature_set.names), ("observation_date", "attributes_known_at"))
    truth = _keyed(
        outcomes, "observation_outcomes", OUTCOME, ("observation_date", "matured_on", "churned_on", "churn_known_at")
    )
    truth = truth.loc[:, list(OUTCOME)]

    today, window_start = pd.Timestamp(as_of), as_of - policy.window
    joined = known.merge(truth, on=list(GRAIN), how="left", indicator="found")
    observed = joined["observation_date"]
    later = observed > today
    old = observed < pd.Timestamp(window_start)
    alone = ~later & ~old & (joined["found"] == "left_only")
    immature = ~later & ~old & ~alone & (joined["matured_on"] > today)
    rows = joined[~(later | old | alone | immature)].sort_values(ORDER, kind="stable", ignore_index=True)
    event = rows["churned_on"].notna()
    event_known = event & (rows["churn_known_at"] <= today)
    accounting = Accounting(
        received=len(joined),
        used=len(rows),
        observed_later=int(later.sum()),
        out_of_window=int(old.sum()),
        without_outcome=int(alone.sum()),
        immature=int(immature.sum()),
        outcomes_without_features=len(truth) - int((joined["found"] == "both").sum()),
        events_known_later=int((event & ~event_known).sum()),
    )
    if rows.empty:
        raise NoExamplesError(
            f"No row of {table} can be learned from on {as_of} (window from {window_start}): {_told(accounting)}. "
            "Ingest older observations, or wait until outcomes have matured."
        )
    _require_knowable(rows, table)
    _require_consistent(rows, horizon)

    typed = typed_features(rows, feature_set.features, table)
    excluded = tuple(
        ExcludedFeature(name, f"missing in all {len(rows):,} training rows: this feed does not fill it")
        for name in feature_set.names
        if typed[name].isna().all()
    )
    used = tuple(feature for feature in feature_set.features if feature.name not in {gone.name for gone in excluded})
    if not used:
        raise TrainingDataError(
            f"Every feature of {table} is missing in all {len(rows)} rows. Check the feature build before training."
        )
    churned = event_known.to_numpy().astype(np.int8)
    if churned.min() == churned.max():
        said = "left" if churned[0] else "stayed"
        raise OneClassError(
            f"All {len(rows)} matured customers observed from {window_start} to {as_of} {said}, so there is nothing "
            "to tell apart. Check that churn_events arrived, or widen the window."
        )
    frame = pd.concat([rows[list(KEYS)], typed[[feature.name for feature in used]], rows[["matured_on"]]], axis=1)
    frame[LABEL] = churned
    return TrainingExamples(
        frame, feature_set.name, used, excluded, as_of, window_start, horizon, accounting, changed_on
    )


def _keyed(frame: pd.DataFrame, table: str, required: tuple[str, ...], days: tuple[str, ...]) -> pd.DataFrame:
    """`frame` with its columns present, dates as days, and its grain unique; else a typed error."""
    missing = [column for column in required if column not in frame.columns]
    if missing:
        raise MissingColumnsError(
            f"{table} lacks {', '.join(missing)}. Rebuild the table; its columns are named in contracts.features."
        )
    known = frame.copy(deep=False)
    for column in days:
        known[column] = _days(frame[column], table)
    known["customer_id"] = frame["customer_id"].astype("str")
    if known[list(GRAIN)].isna().any(axis=None) or frame["customer_id"].isna().any():
        raise TrainingDataError(
            f"{table} has rows without customer_id or observation_date. Such rows belong in quarantine."
        )
    doubled = known.duplicated(list(GRAIN), keep=False)
    if doubled.any():
        row = known.loc[doubled, list(GRAIN)].sort_values(list(GRAIN)).iloc[0]
        raise DuplicateGrainError(
            f"{table} holds {int(doubled.sum())} rows that share a customer and observation date, for instance "
            f"customer {row['customer_id']} on {row['observation_date']:%Y-%m-%d}. Its grain is one row each: "
            "rebuild that date."
        )
    return known


def _days(column: pd.Series[Any], table: str) -> pd.Series[Any]:
    try:
        days = pd.to_datetime(column)
    except (ValueError, TypeError) as error:
        raise TrainingDataError(f"{table}.{column.name} must hold dates: {error}") from error
    if days.dt.tz is not None or (days.dropna() != days.dropna().dt.normalize()).any():
        raise TrainingDataError(
            f"{table}.{column.name} must hold whole days without a time or zone. Cast it to a date."
        )
    return days.astype("datetime64[s]")


def _require_knowable(rows: pd.DataFrame, table: str) -> None:
    wrong = ~(rows["attributes_known_at"] <= rows["observation_date"])
    if wrong.any():
        row = rows[wrong].iloc[0]
        raise FutureKnowledgeError(
            f"{table} uses, in {int(wrong.sum())} of {len(rows)} rows, attributes known only after the "
            f"observation: customer {row['customer_id']} on {row['observation_date']:%Y-%m-%d} rests on a row known "
            f"at {row['attributes_known_at']}. Features may use only what was known by then."
        )


def _require_consistent(rows: pd.DataFrame, horizon: timedelta) -> None:
    left = rows["churned_on"].notna()
    rules = {
        f"matured_on is not observation_date + {horizon.days} days, the policy's label horizon": rows["matured_on"]
        != rows["observation_date"] + pd.Timedelta(horizon),
        "churned_on is not after observation_date": left & ~(rows["churned_on"] > rows["observation_date"]),
        "churned_on is after matured_on": left & ~(rows["churned_on"] <= rows["matured_on"]),
        "churned_on is given but churn_known_at is not": left & rows["churn_known_at"].isna(),
        "churn_known_at is given but churned_on is not": ~left & rows["churn_known_at"].notna(),
    }
    for rule, wrong in rules.items():
        if wrong.any():
            row = rows[wrong].iloc[0]
            raise InconsistentOutcomeError(
                f"observation_outcomes breaks a rule in {int(wrong.sum())} of {len(rows)} rows: {rule} "
                f"(customer {row['customer_id']} observed on {row['observation_date']:%Y-%m-%d}). "
                "Rebuild the outcomes with the same label horizon as the policy."
            )


def _told(accounting: Accounting) -> str:
    return (
        f"of {accounting.received} rows received {accounting.observed_later} were observed later, "
        f"{accounting.out_of_window} lie before the window, {accounting.without_outcome} have no outcome "
        f"row, {accounting.immature} are not matured"
    )
