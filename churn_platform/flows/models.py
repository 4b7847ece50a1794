"""The models of a home as answers: who is champion, who was when, and what became of every model that was trained.

What belongs here: reading what was recorded. What does not: the rule that names a state (`promotion`), and wording (`cli`).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from churn_platform.adapters.platform import Platform
from churn_platform.promotion import ModelFacts, model_state

Answer = dict[str, Any]


def latest_day(platform: Platform) -> date:
    """The newest observation day whose files were taken in; the calendar's training day where none was."""
    if platform.settings.warehouse.is_file():
        landed = platform.warehouse.query("SELECT max(landed_on) AS day FROM raw.receipts")["day"].iloc[0]
        if landed is not None and landed == landed:  # NaT is unlike itself
            return max(landed.date(), platform.calendar.training_as_of)
    return platform.calendar.training_as_of


def champion_answer(platform: Platform, when: date | None) -> Answer:
    """The champion now or at the end of a day, and the whole history; `champion` is None where there was none."""
    name = platform.policies.governance.model
    found = platform.ops.champion(name) if when is None else platform.ops.champion_at(when, name)
    history = platform.ops.champion_history(name)
    return {
        "at": when.isoformat() if when else None,
        "champion": None
        if found is None
        else {
            "version": found.version,
            "since": found.since.isoformat(),
            "by": found.promoted_by,
            "reason": found.reason,
            "previous": found.previous,
            "ledger_entry": found.ledger_sequence,
        },
        "history": [
            {
                "version": one.version,
                "since": one.since.isoformat(),
                "until": after.since.isoformat() if after is not None else None,
                "previous": one.previous,
                "reason": one.reason,
                "ledger_entry": one.ledger_sequence,
            }
            for one, after in zip(history, [*history[1:], None], strict=True)
        ],
    }


def models_answer(platform: Platform) -> Answer:
    """Every registered model with its state and last decisions, and every rejected one with why it was never registered."""
    ops, policies = platform.ops, platform.policies
    history = ops.champion_history(policies.governance.model)
    lines: list[Answer] = []
    for model in ops.models():
        compared = ops.decisions(kind="comparison", subject=model.version, limit=1)
        released = ops.decisions(kind="release", subject=model.version, limit=1)
        last = released[-1] if released else None
        reigns = [(i, one) for i, one in enumerate(history) if one.version == model.version]
        ended = None
        if reigns and reigns[-1][0] + 1 < len(history):
            ended = history[reigns[-1][0] + 1].since
        facts = ModelFacts(
            is_champion=bool(history) and history[-1].version == model.version,
            was_champion_until=ended,
            compared=bool(compared),
            outcome=last.outcome if last else None,
        )
        registration = model.registration
        lines.append(
            {
                "version": model.version,
                "state": model_state(facts, platform.now(), policies.governance.retirement.after),
                "package": model.package_digest,
                "feature_set": registration.feature_set,
                "as_of": registration.as_of.isoformat(),
                "auc": registration.metrics.get("auc"),
                "compared_with": str(compared[-1].evidence["champion"]) if compared else None,
                "comparison": compared[-1].outcome if compared else None,
                "outcome": last.outcome if last else None,
                "reasons": list(compared[-1].reasons if compared else last.reasons if last else ()),
            }
        )
    for rejected in ops.decisions(kind="registration", limit=10_000):
        lines.append(
            {
                "version": rejected.subject[:20],
                "state": "rejected",
                "package": rejected.subject.removeprefix("package:"),
                "feature_set": None,
                "as_of": None,
                "auc": None,
                "compared_with": None,
                "comparison": None,
                "outcome": rejected.outcome,
                "reasons": list(rejected.reasons),
            }
        )
    return {"models": lines}
