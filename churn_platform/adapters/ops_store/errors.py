"""What can go wrong in the ops store, one class for each thing a caller may want to tell apart."""

from __future__ import annotations


class OpsStoreError(RuntimeError):
    """A change was refused; nothing was written."""


class OpsStoreUnavailable(OpsStoreError):  # noqa: N818
    """The database cannot be reached, stayed locked, or is none. Alone among these errors it may follow a commit."""

    def __init__(self, where: str, why: str) -> None:
        self.where = where
        self.why = why
        super().__init__(
            f"the ops store {where} cannot be used: {why.strip()}. Check that it is there and that nothing holds it, "
            "then run again: what was already done is found done."
        )

    def __reduce__(self) -> tuple[type[OpsStoreUnavailable], tuple[str, str]]:
        return type(self), (self.where, self.why)


class PromotionConflict(OpsStoreError):  # noqa: N818 (the vocabulary's word for it)
    """Somebody else changed the champion since the caller looked: decide again on the present champion."""

    def __init__(self, version: str, expected: str | None, actual: str | None) -> None:
        self.version = version
        self.expected = expected
        self.actual = actual
        super().__init__(
            f"{version} was not promoted: the decision expected {_named(expected)}, but by now the champion is "
            f"{_named(actual)}. Nothing was changed. Compare with the present champion and decide again."
        )

    def __reduce__(self) -> tuple[type[PromotionConflict], tuple[str, str | None, str | None]]:
        return type(self), (self.version, self.expected, self.actual)

    @property
    def already_champion(self) -> bool:
        """Whether the asked-for version is champion now, as after a run that was killed once it had promoted."""
        return self.actual == self.version


class RegistrationConflict(OpsStoreError):  # noqa: N818
    """The same package is registered already, with another origin or other owners."""


class DecisionConflict(OpsStoreError):  # noqa: N818
    """The idempotency key was used already, for another decision."""


class UnknownModel(OpsStoreError):  # noqa: N818
    """No model of that version is registered."""


class UnknownTicket(OpsStoreError):  # noqa: N818
    """No ticket of that number was opened."""


class TicketConflict(OpsStoreError):  # noqa: N818
    """The tickets have changed since the caller looked: look again and decide again."""


class RolloutConflict(OpsStoreError):  # noqa: N818
    """Another rollout is under way, or something happened to this one since the caller looked."""


class LedgerAlarm(OpsStoreError):  # noqa: N818
    """The ledger does not match its anchored head: reads go on, every write is refused until a person has looked."""


class SchemaMismatch(OpsStoreError):  # noqa: N818
    """The database was written by a newer version of the platform."""


def _named(version: str | None) -> str:
    return "no champion" if version is None else version
