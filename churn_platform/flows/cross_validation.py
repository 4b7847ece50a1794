"""Measuring the recipe over every customer with a known outcome: `churn train --cv`.

What belongs here: getting all rows of the feed, the live ones too, and calling the room. Nothing is registered or released.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.tables import RAW_TABLES


def cross_validate_recipe(
    platform: Platform, feature_set: str, folds: int, seed: int, on_fold: Callable[[int, int, float], None]
) -> dict[str, Any]:
    """Cross-validate on all days of the calendar, as on its last day, in a warehouse of its own that is deleted afterwards.

    Why of its own: the live days' outcomes lie in this home's future, and must not be landed into its warehouse.
    """
    import tempfile
    from dataclasses import replace
    from pathlib import Path

    from churn_platform.adapters import dbt
    from churn_platform.adapters.feed_source import open_feed
    from churn_platform.adapters.landing_zone import read_landed
    from churn_platform.adapters.warehouse import Warehouse
    from churn_platform.adapters.world_choice import read_world_choice, write_world_choice
    from churn_platform.feeds.quarantine import screen
    from churn_platform.training.cross_validation import cross_validate
    from churn_platform.training.examples import training_examples

    policies, calendar = platform.policies, platform.calendar
    with tempfile.TemporaryDirectory(prefix="churn-cv-") as folder:
        own_landing = platform.feed_name != "landing"
        settings = replace(platform.settings, home=Path(folder) if own_landing else platform.settings.home)
        scratch = replace(settings, home=Path(folder))
        if platform.feed_name == "world":  # the same telco in the scratch home
            write_world_choice(settings, read_world_choice(platform.settings))
        open_feed(platform.feed_name, settings, policies).land(calendar.days)
        warehouse = Warehouse(scratch.warehouse)
        landed = read_landed(settings.landing, calendar.days)
        warehouse.replace_days(calendar.days, [screen(RAW_TABLES[name], rows) for name, rows in landed.items()])
        horizon = policies.label.horizon
        dbt.build(scratch, calendar.first_day, calendar.last_day, horizon_days=horizon.days).raise_on_failure()
        chosen = FEATURE_SETS[feature_set]
        examples = training_examples(
            warehouse.features(chosen, calendar.first_day, calendar.last_day),
            warehouse.outcomes(calendar.first_day, calendar.last_day),
            chosen,
            calendar.last_day,
            policies.training,
            horizon,
        )
    return cross_validate(examples, policies.training, folds, seed, on_fold).to_dict()
