"""The write-back: a day's published scores to the CRM, in batches that arrive once however often they are sent.

What belongs here: cutting a day into batches, sending them with patience, remembering which arrived, and who is to look at the rest. What
does not: the CRM's address and protocol (`adapters/crm`), where batches are kept (`adapters/ops_store`).

The key of a batch is made of the published snapshot and its place in it: the same scores have the same key for ever, other scores
another one. A batch that a CRM refuses, or does not take after all attempts, is a dead letter: it stays listed with its reason until
somebody sends it again (`churn crm resend`) or the day is scored anew. Nothing is copied: what it holds lies in the snapshot.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_platform.adapters import clock
from churn_platform.adapters.crm import URL, Answer, Crm, crm_from
from churn_platform.adapters.ops_store.crm_batches import CrmBatch
from churn_platform.adapters.platform import ACTOR, Platform

if TYPE_CHECKING:
    import pandas as pd

    from churn_platform.adapters.snapshots import Snapshot

SCORES = "daily_scores"
RESENT = "crm_resend"
TOLD = ("customer_id", "probability", "band", "decision", "model_version", "simulated")
Wait = Callable[[float], None]


class CrmResendError(ValueError):
    """Nothing can be sent again like that; the message says why."""


@dataclass(frozen=True)
class WrittenBack:
    """What came of a write-back: `off` says why nothing was sent; batches by what became of them, and the rows that arrived."""

    off: str = ""
    delivered: tuple[CrmBatch, ...] = ()
    dead: tuple[CrmBatch, ...] = ()

    @property
    def rows(self) -> int:
        """Scores that arrived."""
        return sum(batch.rows for batch in self.delivered)


def write_back(
    platform: Platform, days: Sequence[date], crm: Crm | None = None, wait: Wait = time.sleep
) -> WrittenBack:
    """Send what the CRM does not have yet of the scores of `days`, and what a killed run has left; say what became of it.

    Off where no CRM is configured, and in simulated time: nothing is sent out of a life that is lived in minutes.

    Raises:
        CrmError: the configured address cannot be used.
    """
    if clock.is_simulated():
        return WrittenBack(off="simulated time: nothing is sent out of a life that is lived in minutes")
    crm = crm or crm_from()
    if crm is None:
        return WrittenBack(off=f"no CRM is configured: {URL} is not set")
    platform.ops.plan_crm_batches(list(_planned(platform, days)), at=platform.now())
    done = _send(platform, crm, platform.ops.crm_batches(["pending"]), wait)
    _record_finding(platform, max(days), done)
    return done


def resend(
    platform: Platform, by: str, why: str, key: str = "", crm: Crm | None = None, wait: Wait = time.sleep
) -> WrittenBack:
    """Send the dead letters again, or the one of that key; who and why goes into the ledger.

    Raises:
        CrmResendError: nobody or no reason is named, or there is no such dead letter. CrmError: the address cannot be used.
    """
    if not by.strip() or not why.strip():
        raise CrmResendError("say who sends again and why: it goes into the ledger")
    crm = crm or crm_from()
    if crm is None:
        raise CrmResendError(f"no CRM is configured: set {URL}")
    dead = [one for one in platform.ops.crm_batches(["dead", "pending"]) if key in ("", one.key)]
    if not dead:
        raise CrmResendError(f"there is no dead letter {key}" if key else "there are no dead letters")
    evidence = {"by": by, "batches": [one.key for one in dead]}
    reasons = (why,)
    platform.ops.record_decision(RESENT, "crm", "resent", reasons, evidence, actor=f"person:{by}", at=platform.now())
    done = _send(platform, crm, [replace(one, attempts=0) for one in dead], wait)
    _record_finding(platform, max(one.day for one in dead), done)
    return done


def crm_status(platform: Platform) -> dict[str, Any]:
    """Whether a CRM is configured, how many batches have come how far, and every dead letter with its reason."""
    crm = crm_from()
    batches = platform.ops.crm_batches()
    states = ("delivered", "pending", "dead", "superseded")
    return {
        "crm": crm.kind if crm is not None else None,
        "off": None if crm is not None else f"{URL} is not set",
        "batches": {state: sum(one.state == state for one in batches) for state in states},
        "rows_delivered": sum(one.rows for one in batches if one.state == "delivered"),
        "newest_day_delivered": max((one.day.isoformat() for one in batches if one.state == "delivered"), default=None),
        "dead_letters": [
            {
                "key": one.key,
                "day": one.day.isoformat(),
                "rows": one.rows,
                "attempts": one.attempts,
                "reason": one.detail,
                "since": one.changed_at.isoformat() if one.changed_at else None,
            }
            for one in batches
            if one.state in ("dead", "pending")
        ],
    }


def _planned(platform: Platform, days: Sequence[date]) -> Iterator[CrmBatch]:
    from churn_platform.adapters.snapshots import NothingPublishedError, pointer_of

    size = platform.policies.crm.batch_rows
    for day in days:
        try:
            pointer = pointer_of(platform.settings.published, SCORES, day.isoformat())
        except NothingPublishedError:
            continue  # the day was not scored, which its own asset has said
        for number, first in enumerate(range(0, pointer.rows, size)):
            rows = min(size, pointer.rows - first)
            named = f"{SCORES}/{day.isoformat()}/{pointer.digest}/{pointer.sequence}/{first}+{rows}"
            key = hashlib.sha256(named.encode()).hexdigest()[:32]
            yield CrmBatch(key, day, pointer.digest, pointer.sequence, number, first, rows)


def _send(platform: Platform, crm: Crm, batches: Sequence[CrmBatch], wait: Wait) -> WrittenBack:
    """Each batch with all its attempts. A CRM that does not take one after all of them is down: the rest is not tried in this run."""
    delivered: list[CrmBatch] = []
    dead: list[CrmBatch] = []
    down = ""
    opened: tuple[str, pd.DataFrame] | None = None
    for batch in batches:
        if down:
            done = replace(batch, state="dead", detail=f"not tried: {down}")
        else:
            if opened is None or opened[0] != batch.snapshot:
                opened = (batch.snapshot, _scores(platform, batch))
            answer, attempts = _tried(platform, crm, _told(batch, opened[1]), wait)
            state: Any = "delivered" if answer.outcome == "delivered" else "dead"
            done = replace(batch, state=state, attempts=attempts, detail=answer.detail)
            down = answer.detail if answer.outcome == "again" else ""
        platform.ops.move_crm_batch(done.key, done.state, done.attempts, done.detail, at=platform.now())
        (delivered if done.state == "delivered" else dead).append(done)
    return WrittenBack("", tuple(delivered), tuple(dead))


def _tried(platform: Platform, crm: Crm, told: dict[str, Any], wait: Wait) -> tuple[Answer, int]:
    policy = platform.policies.crm
    for attempt in range(1, policy.attempts + 1):
        answer = crm.send(told, policy.timeout)
        if answer.outcome != "again" or attempt == policy.attempts:
            return answer, attempt
        pause = answer.wait or policy.first_retry * 2 ** (attempt - 1)
        wait(min(pause, policy.longest_wait).total_seconds())
    raise AssertionError("a policy allows at least one attempt")


def _scores(platform: Platform, batch: CrmBatch) -> pd.DataFrame:
    from churn_platform.adapters.snapshots import history, read_contents

    published = platform.settings.published
    found: Snapshot = next(
        one for one in history(published, SCORES, batch.day.isoformat()) if one.sequence == batch.sequence
    )
    return read_contents(published, found)


def _told(batch: CrmBatch, scores: pd.DataFrame) -> dict[str, Any]:
    rows = scores.iloc[batch.first_row : batch.first_row + batch.rows]
    day = batch.day.isoformat()
    return {
        "key": batch.key,
        "day": day,
        "sequence": batch.sequence,
        "scores": [
            {
                **{name: _plain(row[name]) for name in TOLD},
                "observation_date": day,
                "reasons": [reason["text"] for reason in json.loads(row["reasons"])],
            }
            for row in rows[[*TOLD, "reasons"]].to_dict("records")
        ],
    }


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _record_finding(platform: Platform, day: date, done: WrittenBack) -> None:
    """Dead letters become a ticket; a write-back without any lets it rest."""
    from churn_platform.drift.finding import Finding, Window

    finding = Finding(
        signal="crm_write_back",
        subject="crm",
        severity="warning" if done.dead else "ok",
        statistic="batches that the CRM did not take",
        value=float(len(done.dead)),
        threshold=1.0,
        window=Window(day, day, max(1, done.rows + sum(batch.rows for batch in done.dead))),
        reason=f"{len(done.dead)} batches were not delivered: {done.dead[0].detail}"
        if done.dead
        else "all batches arrived",
        remedy="See `churn crm status`, then docs/runbooks/crm_write_back.md",
        acts=bool(done.dead),
        evidence={"dead": [batch.key for batch in done.dead][:20]},
    )
    champion = platform.ops.champion(platform.policies.governance.model)
    version = champion.version if champion is not None else None
    platform.ops.record_findings(day, "crm", version, [finding], actor=ACTOR, at=platform.now())
