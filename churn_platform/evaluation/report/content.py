"""What the report needs beside the evaluation: where model and data come from, and what explains the scores.

What belongs here: the input values of a report. What does not: the evaluation, the gates, anything of HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHeader:
    """Where this model and its holdout come from: the report's title and its provenance table.

    `model_version` is as it is shown (`3`, `package 9f2c77ab`); `holdout` says in words which rows were held out;
    `simulated` is whether anything in the data is made up, and `feed_note` what exactly; `more` adds lines to the
    provenance table.
    """

    model_name: str
    model_version: str
    model_digest: str
    training_data_digest: str
    feature_set: str
    policy_digest: str
    code_revision: str
    feed: str
    simulated: bool
    feed_note: str = ""
    holdout: str = ""
    more: tuple[tuple[str, str], ...] = ()

    def provenance(self) -> tuple[tuple[str, str], ...]:
        """The table's lines, as (what, value)."""
        named = (
            ("Model", f"{self.model_name} {self.model_version}"),
            ("Model package (sha256)", self.model_digest),
            ("Training data (sha256)", self.training_data_digest),
            ("Holdout", self.holdout),
            ("Feature set", self.feature_set),
            ("Policy (sha256)", self.policy_digest),
            ("Code revision", self.code_revision),
            ("Feed", self.feed + (", simulated" if self.simulated else "")),
            ("About the feed", self.feed_note),
        )
        return tuple((what, value) for what, value in (*named, *self.more) if value)


@dataclass(frozen=True, slots=True, eq=False)
class ReportExplanation:
    """Contributions (rows, features) in log-odds with the values (rows, features) they belong to, and each feature's
    label."""

    contributions: pd.DataFrame
    values: pd.DataFrame
    labels: Mapping[str, str]
