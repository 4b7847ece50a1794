"""The CRM's door: a webhook that takes batches of scores, or a table in its database.

What belongs here: the address and the token, which come from the environment alone and appear in no log, record or message, and one
batch on its way. What does not: which batches there are and what is done if one fails (`flows/crm`).

| `CHURN_CRM_URL` | what it is |
|---|---|
| `https://…` | each batch is a POST with `Idempotency-Key`, and `Authorization: Bearer $CHURN_CRM_TOKEN` where set |
| a database (`postgresql+psycopg://…`, `sqlite:///…`) | rows of the table `churn_scores`, one a customer and day |

A batch may come twice (an answer that was lost on the way): a webhook knows it by its key, the table by its own list of keys.
"""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

URL, TOKEN = "CHURN_CRM_URL", "CHURN_CRM_TOKEN"
Outcome = Literal["delivered", "again", "refused"]
AGAIN = frozenset({408, 425, 429})
TABLE, KEYS = "churn_scores", "churn_score_batches"


class CrmError(ValueError):
    """The address cannot be used; the message says what to set, and never the address itself."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt: `again` may work later, after `wait` where the CRM said so; `refused` will not by waiting."""

    outcome: Outcome
    detail: str
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Crm:
    """One configured CRM."""

    url: str = field(repr=False)
    token: str = field(repr=False, default="")

    @property
    def kind(self) -> Literal["webhook", "table"]:
        """What the address is."""
        return "webhook" if self.url.startswith(("http://", "https://")) else "table"

    def send(self, batch: Mapping[str, Any], timeout: timedelta) -> Answer:
        """Send one batch (`key`, `scores` and what is said of them), waiting at most `timeout`; never raises for what the CRM does."""
        answers: list[Answer] = []

        def run() -> None:
            try:
                answers.append(self._post(batch, timeout) if self.kind == "webhook" else self._write(batch))
            except Exception as error:  # its text may hold the address: the kind of error is told
                answers.append(Answer("again", f"the CRM could not be reached: {type(error).__name__}"))

        # socket timeouts count from one byte to the next: a CRM that answers a byte at a time would hold its sender for ever
        thread = threading.Thread(target=run, name="churn-crm", daemon=True)
        thread.start()
        thread.join(timeout.total_seconds())
        return (
            answers[0]
            if answers
            else Answer("again", f"the CRM did not answer within {timeout.total_seconds():g} seconds")
        )

    def _post(self, batch: Mapping[str, Any], timeout: timedelta) -> Answer:
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(batch["key"])}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = json.dumps(batch, allow_nan=False).encode()
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310 (http and https only: `kind`)
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(request, timeout=timeout.total_seconds()) as response:
                return Answer("delivered", f"the CRM answered {response.status}")
        except urllib.error.HTTPError as error:
            return _judged(error.code, error.headers.get("Retry-After", ""))

    def _write(self, batch: Mapping[str, Any]) -> Answer:
        import sqlalchemy as sa

        scores: Sequence[Mapping[str, Any]] = batch["scores"]
        engine = sa.create_engine(self.url)
        try:
            table, keys = _tables(sa)
            table.metadata.create_all(engine)
            with engine.begin() as connection:
                if connection.execute(sa.select(keys.c.key).where(keys.c.key == batch["key"])).first():
                    return Answer("delivered", "the table has the batch already")
                connection.execute(keys.insert().values(key=batch["key"]))
                of_day = table.c.observation_date == batch["day"]
                ids = [one["customer_id"] for one in scores]
                newer: set[str] = set(
                    connection.execute(
                        sa.select(table.c.customer_id).where(
                            of_day, table.c.customer_id.in_(ids), table.c.sequence > batch["sequence"]
                        )
                    ).scalars()
                )
                taken = [one for one in scores if one["customer_id"] not in newer]
                mine = table.c.customer_id.in_([one["customer_id"] for one in taken])
                connection.execute(table.delete().where(of_day, mine))
                rows = [
                    {**one, "reasons": json.dumps(one["reasons"]), "sequence": batch["sequence"], "batch": batch["key"]}
                    for one in taken
                ]
                if rows:
                    connection.execute(table.insert(), rows)
            return Answer("delivered", f"{len(rows)} rows written")
        finally:
            engine.dispose()


def crm_from(environment: Mapping[str, str] | None = None) -> Crm | None:
    """The CRM that `environment` (the process's own by default) names; None where it names none.

    Raises:
        CrmError: the address is neither a web address nor a database.
    """
    values = os.environ if environment is None else environment
    url = values.get(URL, "").strip()
    if not url:
        return None
    scheme = url.partition("://")[0].lower()
    if "://" not in url or not (scheme in ("http", "https") or scheme.startswith(("postgresql", "sqlite"))):
        raise CrmError(
            f"{URL} is no address of a CRM: set an https:// address, or a database such as postgresql+psycopg://…"
        )
    return Crm(url, values.get(TOKEN, "").strip())


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET that delivers nothing, and might carry the token elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Do not follow."""


def _judged(status: int, retry_after: str) -> Answer:
    said = f"the CRM answered {status}"
    if status == 409:
        return Answer("delivered", f"{said}: it has the batch already")
    if status in AGAIN or status >= 500:
        return Answer("again", said, timedelta(seconds=int(retry_after)) if retry_after.isdigit() else None)
    return Answer("refused", said)


def _tables(sa: Any) -> tuple[Any, Any]:
    metadata = sa.MetaData()
    texts = ("observation_date", "band", "decision", "reasons", "model_version", "batch")
    table = sa.Table(
        TABLE,
        metadata,
        sa.Column("customer_id", sa.Text, primary_key=True),
        sa.Column("observation_date", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts if name != "observation_date"),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
    )
    return table, sa.Table(KEYS, metadata, sa.Column("key", sa.Text, primary_key=True))
