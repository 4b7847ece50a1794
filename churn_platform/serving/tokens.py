"""Who may ask what: bearer tokens with scopes, known only by their digests.

What belongs here: reading the tokens from the environment, and judging a header. What does not: issuing them.
Without tokens the API serves on loopback only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

SCOPES = ("predict", "read", "metrics")
VARIABLE = "CHURN_API_TOKENS"
_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9_-]+)=(?P<scopes>[a-z+]+):(?P<digest>[0-9a-f]{64})")


class TokensError(ValueError):
    """The environment's tokens cannot be read; the message says which, and never the token."""


@dataclass(frozen=True, slots=True)
class Token:
    """One caller."""

    name: str
    scopes: frozenset[str]
    digest: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """All callers; none at all means that the API is open, which only loopback may be."""

    known: tuple[Token, ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Tokens:
        """Read `$CHURN_API_TOKENS`: `name=predict+read:<sha256 of the token>`, several separated by commas.

        Raises:
            TokensError: an entry is not of that form, a scope is unknown, or a name stands twice.
        """
        known = []
        for number, entry in enumerate(
            filter(None, environment.get(VARIABLE, "").replace(" ", "").split(",")), start=1
        ):
            match = _ENTRY.fullmatch(entry)
            if match is None:
                raise TokensError(
                    f"${VARIABLE}, entry {number}: write it as name=predict+read:<sha256 of the token in hex>"
                )
            scopes = frozenset(match["scopes"].split("+"))
            unknown = sorted(scopes - set(SCOPES))
            if unknown:
                raise TokensError(
                    f"${VARIABLE}, {match['name']}: no scope {unknown[0]!r}; there are {', '.join(SCOPES)}"
                )
            known.append(Token(match["name"], scopes, match["digest"]))
        if len({token.name for token in known}) != len(known):
            raise TokensError(f"${VARIABLE}: a name stands twice, so nobody could tell who asked")
        return cls(tuple(known))

    def __bool__(self) -> bool:
        return bool(self.known)

    def caller(self, authorization: str | None) -> Token | None:
        """The caller whose token the header `Bearer …` carries; None for nobody known. Takes the same time for any wrong one.

        >>> digest = hashlib.sha256(b"secret").hexdigest()
        >>> tokens = Tokens.from_environment({"CHURN_API_TOKENS": f"crm=predict:{digest}"})
        >>> tokens.caller("Bearer secret").name, tokens.caller("Bearer wrong")
        ('crm', None)
        """
        kind, _, token = (authorization or "").partition(" ")
        shown = hashlib.sha256(token.encode()).hexdigest()
        found = None
        for candidate in self.known:
            if hmac.compare_digest(candidate.digest, shown):
                found = candidate
        return found if kind.lower() == "bearer" else None
