"""What a run, a training, a day or a home amounts to: plain values, read from what was recorded and published.

What belongs here: the answers of the command line as JSON-able dicts. What does not: their wording for people (`cli/text.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from churn_platform.adapters.home import read_home
from churn_platform.adapters.platform import Platform

Summary = dict[str, Any]
DATASET = "daily_scores"


def main_job_summary(platform: Platform, stages: Mapping[str, float], seconds: float) -> Summary:
    """The main job's answer: rows, champion, holdout performance, scores, the riskiest customers, where the report is."""
    days = [day.isoformat() for day in platform.calendar.live_days]
    scored = _scores(platform, days)
    return {
        **_feed(platform),
        **_rows(platform),
        **_champion(platform),
        "days_scored": len(days),
        "customers_scored": len(scored),
        "bands": {name: int((scored["band"] == name).sum()) for name in ("high", "medium", "low")},
        "most_at_risk": _most_at_risk(scored),
        "seconds": {**stages, "total": round(seconds, 3)},
    }


def refusal_of_the_first_model(platform: Platform) -> str | None:
    """Why there is no champion after a training, in the words of the last decision; None where there is one."""
    if platform.ops.champion(platform.policies.governance.model) is not None:
        return None
    decisions = platform.ops.decisions(kind="release") + platform.ops.decisions(kind="registration")
    last = max(decisions, key=lambda decision: decision.ledger_sequence, default=None)
    return "no decision was recorded" if last is None else f"{last.outcome}: {'; '.join(last.reasons)}"


def training_summary(platform: Platform, stages: Mapping[str, float], seconds: float) -> Summary:
    """A training's answer: what was trained last, its verdicts, and who is champion after it."""
    newest = platform.ops.models()
    trained = newest[-1] if newest else None
    decisions = platform.ops.decisions(kind="release") + platform.ops.decisions(kind="registration")
    last = max(decisions, key=lambda decision: decision.ledger_sequence, default=None)
    return {
        **_feed(platform),
        "newest_registered": trained.version if trained else None,
        "decision": last.outcome if last else None,
        "reasons": list(last.reasons) if last else [],
        "rollout": _open_rollout(platform),
        **_champion(platform),
        "seconds": {**stages, "total": round(seconds, 3)},
    }


def _open_rollout(platform: Platform) -> Summary | None:
    """The rollout under way, in one line's worth; None where none is."""
    recorded = platform.ops.rollout(platform.policies.governance.model)
    if recorded is None:
        return None
    plan = recorded.plan
    return {
        "rollout": recorded.rollout,
        "challenger": plan.challenger,
        "champion": plan.champion,
        "strategy": plan.strategy,
    }


def day_summary(platform: Platform, day: date, stages: Mapping[str, float], seconds: float) -> Summary:
    """A day's answer: rows landed that day, customers scored, the riskiest of them."""
    from churn_platform.adapters.snapshots import partitions

    published = day.isoformat() in partitions(platform.settings.published, DATASET)
    scored = _scores(platform, [day.isoformat()]) if published else None
    return {
        **_feed(platform),
        "day": day.isoformat(),
        **_rows(platform, day),
        "model_version": str(scored["model_version"].iloc[0]) if scored is not None else None,
        "customers_scored": 0 if scored is None else len(scored),
        "bands": {}
        if scored is None
        else {name: int((scored["band"] == name).sum()) for name in ("high", "medium", "low")},
        "most_at_risk": [] if scored is None else _most_at_risk(scored),
        "seconds": {**stages, "total": round(seconds, 3)},
    }


def cross_validation_summary(
    platform: Platform, feature_set: str, folds: int, seed: int, on_fold: Callable[[int, int, float], None]
) -> Summary:
    """The recipe, cross-validated over every customer with a known outcome; releases nothing.

    All rows take part, the live ones too: an IBM replay knows every outcome from the start, so this lands and reads the whole calendar.
    """
    from churn_platform.flows.cross_validation import cross_validate_recipe

    chosen = feature_set or platform.policies.training.feature_set
    return {**_feed(platform), **cross_validate_recipe(platform, chosen, folds, seed, on_fold)}


def status_summary(platform: Platform) -> Summary:
    """What this home holds; `feed` is None where nothing has run in it yet."""
    from churn_platform.adapters.snapshots import partitions

    home = read_home(platform.settings)
    if home is None or not platform.settings.warehouse.is_file():
        return {"home": str(platform.settings.home), "feed": None}
    days = partitions(platform.settings.published, DATASET)
    verified = platform.ops.verify_ledger()
    return {
        "home": str(platform.settings.home),
        **_feed(platform),
        "source": home.note,
        **_rows(platform),
        **_champion(platform),
        "models": [model.version for model in platform.ops.models()],
        "days_published": len(days),
        "first_day_published": days[0] if days else None,
        "last_day_published": days[-1] if days else None,
        "ledger_entries": len(platform.ops.ledger(limit=1_000_000)),
        "ledger_intact": verified.verdict == "pass",
        "policy_digest": platform.policies.digest,
    }


def report_summary(platform: Platform) -> Summary:
    """Where the champion's report is; `report` is None before the first release."""
    champion = _champion(platform)
    return {"champion_version": champion["champion_version"], "report": champion["report"]}


def _feed(platform: Platform) -> Summary:
    home = read_home(platform.settings)
    return {"feed": home.feed if home else platform.feed_name, "simulated": home.simulated if home else None}


def _rows(platform: Platform, day: date | None = None) -> Summary:
    receipts = platform.warehouse.receipts(day)
    names = ("received", "accepted", "quarantined")
    return {
        **{f"rows_{name}": int(receipts[name].sum()) for name in names},
        "rows_by_table": {
            str(row["table_name"]): {name: int(row[name]) for name in names} for row in receipts.to_dict("records")
        },
    }


def _champion(platform: Platform) -> Summary:
    """The champion with its holdout performance and its main reasons, all read from its package; Nones before the first release."""
    champion = platform.ops.champion(platform.policies.governance.model)
    if champion is None:
        nothing = (
            "champion_version",
            "feature_set",
            "holdout_auc",
            "holdout_auc_low",
            "holdout_auc_high",
            "ece",
            "report",
        )
        return {**dict.fromkeys(nothing), "top_reasons": []}
    digest = platform.ops.model(champion.version).package_digest
    package = platform.settings.packages / digest
    evaluation = json.loads((package / "evaluation.json").read_text())
    importance = json.loads((package / "importance.json").read_text())
    registration = platform.ops.model(champion.version).registration
    auc = evaluation["metrics"]["auc"]
    return {
        "champion_version": champion.version,
        "package": digest,
        "feature_set": registration.feature_set,
        "holdout_rows": evaluation["rows"],
        "holdout_auc": auc["value"],
        "holdout_auc_low": auc["low"],
        "holdout_auc_high": auc["high"],
        "baseline_auc": evaluation["baseline"]["auc"]["value"],
        "ece": evaluation["metrics"]["ece"]["value"],
        "brier": evaluation["metrics"]["brier"]["value"],
        "top_lift": evaluation["metrics"]["top_lift"]["value"],
        "top_reasons": [
            {"feature": one["feature"], "label": one["label"], "share": one["share"], "direction": one["direction"]}
            for one in importance[:5]
        ],
        "report": _existing(platform.settings.reports / digest[:12] / "evaluation.html"),
    }


def _existing(path: Path) -> str | None:
    return str(path) if path.is_file() else None


def _scores(platform: Platform, days: list[str]) -> Any:
    import pandas as pd

    from churn_platform.adapters.snapshots import read_snapshot

    return pd.concat([read_snapshot(platform.settings.published, DATASET, day)[0] for day in days], ignore_index=True)


def _most_at_risk(scored: Any) -> list[dict[str, object]]:
    from churn_platform.flows.scored_days import most_at_risk

    return most_at_risk(scored)
