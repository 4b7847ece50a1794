"""The models of a home as answers: who is champion, who was when, and what became of every model that was trained.

What belongs here: reading what was recorded. What does not: the rule that names a state (`promotion`), and wording (`cli`).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from churn_platform.adapters.ops_store.records import Champion, RegisteredModel
from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.promotion import ModelFacts, ModelState, model_state

Answer = dict[str, Any]
RETIREMENT = "retirement"


def latest_day(platform: Platform) -> date:
    """The newest observation day whose files were taken in; the calendar's training day where none was."""
    if platform.settings.warehouse.is_file():
        landed = platform.warehouse.query("SELECT CAST(max(landed_on) AS VARCHAR) AS day FROM raw.receipts")[
            "day"
        ].iloc[0]
        if isinstance(landed, str):
            return max(date.fromisoformat(landed), platform.calendar.training_as_of)
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
        registration = model.registration
        lines.append(
            {
                "version": model.version,
                "state": state_of(platform, model, history),
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


def state_of(platform: Platform, model: RegisteredModel, history: tuple[Champion, ...]) -> ModelState:
    """Where a registered model stands now, read off its records."""
    released = platform.ops.decisions(kind="release", subject=model.version, limit=1)
    reigns = [i for i, one in enumerate(history) if one.version == model.version]
    rollouts = [
        one for one in platform.ops.rollouts(model.registration.model_name) if one.plan.challenger == model.version
    ]
    ended = history[reigns[-1] + 1].since if reigns and reigns[-1] + 1 < len(history) else None
    facts = ModelFacts(
        is_champion=bool(history) and history[-1].version == model.version,
        was_champion_until=ended,
        compared=bool(platform.ops.decisions(kind="comparison", subject=model.version, limit=1)),
        outcome=released[-1].outcome if released else None,
        rolled_back=bool(rollouts) and rollouts[-1].progress.phase == "rolled_back",
    )
    return model_state(facts, platform.now(), platform.policies.governance.retirement.after)


def retire_due(platform: Platform) -> tuple[str, ...]:
    """Record the retirement of every former champion whose time as a way back is over, once each; returns their versions.

    Records and package stay (`governance.retirement.keep_packages` says how long): retired means that nobody goes back to it.
    """
    policy = platform.policies.governance
    history = platform.ops.champion_history(policy.model)
    due = [model for model in platform.ops.models() if state_of(platform, model, history) == "retired"]
    newly = []
    for model in due:
        if platform.ops.decisions(kind=RETIREMENT, subject=model.version, limit=1):
            continue
        reason = f"{model.version} has not been champion for {policy.retirement.after.days} days (governance.retirement.after)"
        evidence = {"package": model.package_digest, "policy": platform.policies.digest}
        key = f"{RETIREMENT}:{model.version}"
        platform.ops.record_decision(
            RETIREMENT, model.version, "retired", (reason,), evidence, actor=ACTOR, at=platform.now(), key=key
        )
        newly.append(model.version)
    mirror_states(platform)
    return tuple(newly)


def mirror_states(platform: Platform) -> None:
    """MLflow's mirror of every model's state: the tag `churn.state`, and the aliases champion and challenger where they belong."""
    history = platform.ops.champion_history(platform.policies.governance.model)
    states = {model.version: state_of(platform, model, history) for model in platform.ops.models()}
    platform.registry.mirror_states(states)
