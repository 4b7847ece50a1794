"""Causes as data: one YAML file each, saying which evidence speaks for it and which against it.

What belongs here: the closed form of a declaration, and reading the package's own. What does not: any cause by name.

A cause is added by adding a file; a test holds that every evidence it names exists.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

Weight = Annotated[float, Field(gt=0.0, le=3.0)]


class DeclaredCause(BaseModel):
    """A cause: its name, what it is in one sentence, what to do, and the weight of each piece of evidence for and against it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")]
    about: str
    remedy: str
    raises: Annotated[dict[str, Weight], Field(min_length=1)]
    lowers: dict[str, Weight] = {}


@cache
def declared_causes() -> tuple[DeclaredCause, ...]:
    """Every cause that comes with the package, by name."""
    folder = files("churn_platform.drift.root_cause") / "causes"
    found = [
        DeclaredCause.model_validate(yaml.safe_load(entry.read_text(encoding="utf-8")))
        for entry in folder.iterdir()
        if entry.name.endswith(".yml")
    ]
    return tuple(sorted(found, key=lambda cause: cause.name))
