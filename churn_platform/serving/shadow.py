"""The mirrored challenger: it answers what the champion has answered, unseen, after the answer has left.

What belongs here: the queue between the two, asking the challenger, logging it as `shadow`. What does not: who is mirrored
(`rollout/assignment.py`), comparing the two (`flows/rollout_evidence.py`).

The champion's answer is made and sent before anything here runs. What the challenger cannot keep up with is dropped and counted: it
never holds up, changes or refuses an answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from churn_platform.adapters.prediction_log import PredictionLog, PredictionLogFull
from churn_platform.rollout.assignment import variant
from churn_platform.serving.answers import (
    Document,
    Failure,
    Route,
    Unanswerable,
    by_model,
    failure_record,
    log_record,
)
from churn_platform.serving.attributes import AttributeFeatures
from churn_platform.serving.measures import Measures
from churn_platform.serving.state import State

SHADOW = "shadow"
MOST_WAITING = 20_000
"""Mirrored requests that may wait: some seconds of the promised load."""
PAUSE = 0.02
AT_ONCE = 16
"""Requests mirrored between two breaths of the loop: about half a millisecond, which is what it may add to an answer."""
DESCRIBED_AT_ONCE = 64
"""Described customers whose features are computed together: one alone takes 40 ms, and sixty-four hardly more (measured)."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mirrored:
    """One answered request: what was asked, the state it was answered from, and the answer's id."""

    state: State
    customer_id: str | None
    attributes: dict[str, Any] | None
    today: date
    answer_id: str
    request_digest: str

    def joins(self, other: Mirrored) -> bool:
        """Whether both are described customers of the same moment."""
        return self.customer_id is None and self.state is other.state and self.today == other.today


class Shadow:
    """One server's shadow."""

    def __init__(self, log: PredictionLog, measures: Measures, attributes: AttributeFeatures) -> None:
        self._log, self._measures, self._attributes = log, measures, attributes
        self._waiting: deque[Mirrored] = deque()

    @property
    def waiting(self) -> int:
        """Requests that the challenger has not seen yet."""
        return len(self._waiting)

    def mirror(
        self,
        state: State,
        customer_id: str | None,
        attributes: dict[str, Any] | None,
        answer: Document,
        today: date,
        request_digest: str,
    ) -> None:
        """Let the challenger see a request that the champion has answered, if the plan mirrors it; returns at once."""
        split = state.routing.split
        if split is None or not split.mirrored or answer["variant"] != "champion":
            return
        if variant(split.salt, customer_id or answer["prediction_id"], split.weight) != "challenger":
            return
        if len(self._waiting) >= MOST_WAITING or self._log.crowded:
            self._measures.shadow_dropped()
            return
        self._waiting.append(Mirrored(state, customer_id, attributes, today, answer["prediction_id"], request_digest))

    async def run(self) -> None:
        """Ask the challenger, a few requests at a time, until cancelled."""
        while True:
            await asyncio.sleep(0 if self._waiting else PAUSE)
            try:
                await self.ask(AT_ONCE)
            except Exception:  # the shadow must neither die nor reach an answer
                _log.exception("a mirrored request failed")

    async def ask(self, most: int) -> None:
        """Ask the challenger up to `most` of the waiting requests; described customers that follow each other at once."""
        for _ in range(min(most, len(self._waiting))):
            if not self._waiting:
                return
            one = self._waiting.popleft()
            model = one.state.model(one.state.routing.challenger)
            if model is None:
                self._measures.shadow_dropped()
                continue
            chosen = Route(model, SHADOW)
            together = [one]
            if one.customer_id is None:
                while self._waiting and len(together) < DESCRIBED_AT_ONCE and self._waiting[0].joins(one):
                    together.append(self._waiting.popleft())
            began = time.perf_counter()
            answers = await self._answers(chosen, together)
            seconds = (time.perf_counter() - began) / len(together)
            for each, answer in zip(together, answers, strict=True):
                self._keep(each, chosen, answer, seconds)

    async def _answers(self, chosen: Route, together: list[Mirrored]) -> list[Document | Unanswerable]:
        one = together[0]
        try:
            if one.customer_id is not None:
                return [by_model(one.state, chosen, one.customer_id, one.today)]
            described = [each.attributes or {} for each in together]
            return await asyncio.to_thread(self._attributes.answers_of, chosen, one.state, described, one.today)
        except Unanswerable as refusal:
            return [refusal] * len(together)
        except ValueError as error:
            return [Unanswerable(503, str(error))] * len(together)

    def _keep(self, one: Mirrored, chosen: Route, answer: Document | Unanswerable, seconds: float) -> None:
        if isinstance(answer, Unanswerable):
            failure = Failure(one.customer_id, chosen.model.version, chosen.model.digest, SHADOW, answer.reason)
            record = failure_record(failure, time.time(), one.answer_id)
            self._measures.failure(failure.model_version, SHADOW)
        else:
            record = log_record(answer, one.request_digest, time.time(), seconds, one.answer_id)
            self._measures.prediction(chosen.model.version, SHADOW, seconds)
        try:
            self._log.append(orjson.dumps(record))
        except PredictionLogFull:
            self._measures.shadow_dropped()
