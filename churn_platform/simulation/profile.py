"""The figures that give the world its shape: taken from the real extract, kept without any of its rows.

What belongs here: the typed profile and reading it from YAML text. What does not: computing it
(`profile_from_extract.py`), and what the extract cannot say, since it has no time (`behaviour.py`)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError


class ProfileError(ValueError):
    """The text is no profile: the message says where and what."""


class Figures(BaseModel):
    """A closed, frozen record: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Figures):
    """Where the figures come from."""

    about: str
    rows: int
    churners: int
    sha256: dict[str, str]


class ConditionalTable(Figures):
    """Shares of an attribute's values, for each combination of its parents' values (joined by ` | `)."""

    attribute: str
    given: tuple[str, ...]
    shares: dict[str, dict[str, float]]


class PriceList(Figures):
    """Monthly charges are a sum of service prices: least squares on the extract."""

    prices: dict[str, float]
    residual_sd: float
    step: float


class Marginal(Figures):
    """How an attribute is distributed in the extract.

    Shares of values, or of the bins between `edges` (right-closed).
    """

    shares: dict[str, float]
    edges: tuple[float, ...] = ()


class Profile(Figures):
    """Everything the world takes from the extract."""

    source: Source
    price_list: PriceList
    #: log odds of leaving, from a ridge logistic regression: attribute -> value -> coefficient
    leaving: dict[str, dict[str, float]]
    #: the piecewise linear part of the same regression: tenure in months -> log odds
    leaving_by_tenure: dict[int, float]
    joiners: tuple[ConditionalTable, ...]
    #: the extract's own mix of attributes that stay: what the base is balanced to
    stock: tuple[ConditionalTable, ...]
    #: share with the service among internet customers: of new ones (up to 3 months), of old ones (over 60)
    uptake: dict[str, tuple[float, float]]
    #: deciles (0, 10, … 100 %) of monthly GB by internet type, and of monthly long-distance charges
    usage_gb: dict[str, tuple[float, ...]]
    long_distance: tuple[float, ...]
    cltv: dict[str, float]
    #: churn category -> reason -> share of all churners
    reasons: dict[str, dict[str, float]]
    marginals: dict[str, Marginal]
    associations: dict[str, float]


def parse_profile(text: str, where: str) -> Profile:
    """The profile in a YAML text.

    Raises:
        ProfileError: it is not YAML or breaks the model; names `where`, the key and the rule.
    """
    try:
        return Profile.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise ProfileError(f"{where} is not a profile: {error}. Write it anew from the extract.") from error


def profile_as_yaml(profile: Profile) -> str:
    """The profile as the text of `profile.yml`: the same figures, the same bytes."""
    content = yaml.safe_dump(
        profile.model_dump(mode="json"), sort_keys=False, width=120, allow_unicode=True, default_flow_style=None
    )
    return (
        "# Figures of the real extract, written by profile_from_extract and balanced; not by hand.\n"
        "# Only `joiners` depends on the world's behaviour as well: it is what keeps the base as `stock` shows it.\n"
        + content
    )


@cache
def packaged_profile() -> Profile:
    """The profile that comes with the package: part of the code, written by `profile_from_extract` on IBM's files."""
    where = files("churn_platform.simulation") / "profile.yml"
    return parse_profile(where.read_text(encoding="utf-8"), "profile.yml")
