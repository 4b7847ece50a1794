"""Registered models: one version per package, whoever registers it and however often."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from churn_platform.adapters.ops_store.errors import RegistrationConflict, UnknownModel
from churn_platform.adapters.ops_store.ledger import Change
from churn_platform.adapters.ops_store.records import RegisteredModel
from churn_platform.adapters.ops_store.tables import models
from churn_platform.governance.registration import Registration

_FIELDS = tuple(item.name for item in fields(Registration))


def register(change: Change, registration: Registration) -> RegisteredModel:
    """Give the package the next version, or the one it has; RegistrationConflict if it is known with another origin or
    other owners.
    """
    present = by_package(change.connection, registration.package_digest)
    if present is not None:
        differing = present.registration.differences(registration)
        if differing:
            told = ", ".join(
                f"{name} {getattr(present.registration, name)!r} → {getattr(registration, name)!r}"
                for name in differing
            )
            raise RegistrationConflict(
                f"the package {registration.package_digest[:12]}… is registered as {present.version} with other facts: "
                f"{told}. "
                "A package has one origin; owners and tier of a registered model do not change by registering it again."
            )
        change.nothing_to_do()
        return present
    number = change.connection.execute(sa.select(sa.func.coalesce(sa.func.max(models.c.number), 0))).scalar_one() + 1
    values = {name: getattr(registration, name) for name in _FIELDS}
    version = f"churn-{number}"
    change.record("model.registered", {"version": version, "number": number, **values})
    return by_version(change.connection, version)


def by_version(connection: sa.Connection, version: str) -> RegisteredModel:
    """The model called `version`; UnknownModel names those there are."""
    row = connection.execute(models.select().where(models.c.version == version)).one_or_none()
    if row is None:
        known = [model.version for model in in_order(connection)]
        there = f"registered are {', '.join(known)}" if known else "no model is registered yet"
        raise UnknownModel(f"no model {version!r} is registered: {there}.")
    return _model(row)


def by_package(connection: sa.Connection, digest: str) -> RegisteredModel | None:
    """The model of this package, None if it is not registered."""
    row = connection.execute(models.select().where(models.c.package_digest == digest)).one_or_none()
    return None if row is None else _model(row)


def in_order(connection: sa.Connection) -> tuple[RegisteredModel, ...]:
    """All models, in order of registration."""
    return tuple(_model(row) for row in connection.execute(models.select().order_by(models.c.number)))


def _model(row: sa.Row[Any]) -> RegisteredModel:
    registration = Registration(**{name: row._mapping[name] for name in _FIELDS})
    return RegisteredModel(row.version, registration, row.at, row.actor, row.ledger_sequence)
