"""What a model must say about itself before it may be registered: where it came from, and who answers for it.

What belongs here: the registration as a value, and its refusal when something is missing. What does not: storing it
(`adapters/ops_store`), and judging whether the model is good (`evaluation/gate`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from types import MappingProxyType

from churn_platform.governance.canonical import Json, plain

MODEL_NAME = "telco-churn"

RISK_TIERS = ("low", "medium", "high")

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGESTS = ("package_digest", "training_data_digest", "policy_digest", "code_digest")
_TEXTS = ("model_name", "feature_set", "code_revision", "feed")
_OWNERS = ("business_owner", "ml_owner")
_NOBODY = {"-", "?", "anyone", "n/a", "na", "nan", "nobody", "none", "null", "tba", "tbd", "todo", "unknown"}


class RegistrationError(ValueError):
    """A registration is incomplete; the message lists everything that is wrong, each with the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One trained model, as it asks to be registered.

    Digests are sha256 in 64 hex digits. `as_of` is the day up to which outcomes were known to the training; `metrics`
    are finite headline figures on the holdout. Raises RegistrationError when anything is missing: no model without both
    owners and a risk tier.
    """

    model_name: str
    package_digest: str
    feature_set: str
    training_data_digest: str
    policy_digest: str
    code_revision: str
    code_digest: str
    business_owner: str
    ml_owner: str
    risk_tier: str
    as_of: date
    feed: str
    simulated: bool
    metrics: Mapping[str, float]

    def __post_init__(self) -> None:
        problems = [*self._accountability_problems(), *self._provenance_problems(), *self._metric_problems()]
        if problems:
            raise RegistrationError("the model cannot be registered: " + "; ".join(problems))
        object.__setattr__(
            self, "metrics", MappingProxyType({name: float(self.metrics[name]) for name in sorted(self.metrics)})
        )

    def to_dict(self) -> dict[str, Json]:
        """Plain JSON values, in field order."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}

    def differences(self, other: Registration) -> tuple[str, ...]:
        """Names of the fields in which `other` contradicts this registration of the same package.

        Code revision, as_of and metrics may differ (a re-run measures its latency anew and may run from a later
        commit): they describe the registering run, while these fields say what the package is and who answers for it.
        """
        return tuple(name for name in _IDENTITY if getattr(self, name) != getattr(other, name))

    def _accountability_problems(self) -> list[str]:
        problems = [
            f"{name} is missing ({getattr(self, name)!r}): no model is registered without somebody who "
            f"answers for it; name it under `governance` in policies.yml"
            for name in _OWNERS
            if _is_blank(getattr(self, name)) or getattr(self, name).strip().lower() in _NOBODY
        ]
        if self.risk_tier not in RISK_TIERS:
            problems.append(
                f"risk_tier is {self.risk_tier!r}, not one of {', '.join(RISK_TIERS)}: it decides who must approve; "
                "set it under `governance` in policies.yml"
            )
        return problems

    def _provenance_problems(self) -> list[str]:
        problems = [f"{name} is missing" for name in _TEXTS if _is_blank(getattr(self, name))]
        for name in _DIGESTS:
            value = getattr(self, name)
            if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
                problems.append(f"{name} is {value!r}, not a sha256 in 64 lower-case hex digits")
        if not isinstance(self.as_of, date) or isinstance(self.as_of, datetime):
            problems.append(f"as_of is {self.as_of!r}, not a date")
        if not isinstance(self.simulated, bool):
            problems.append(
                f"simulated is {self.simulated!r}: say True or False, so that made-up data are labelled as such"
            )
        return problems

    def _metric_problems(self) -> list[str]:
        if not self.metrics:
            return ["metrics are empty: register with the figures of the holdout evaluation"]
        return [
            f"metric {name!r} is {value!r}, not a finite number"
            for name, value in self.metrics.items()
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
        ]


_IDENTITY = ("model_name", "feature_set", "training_data_digest", "feed", "simulated", *_OWNERS, "risk_tier")


def _is_blank(value: object) -> bool:
    return not isinstance(value, str) or not value.strip()
