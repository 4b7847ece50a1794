"""What assets work with: the installation, as a Dagster resource; and the partitions of its feed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import dagster as dg

from churn_platform.adapters.platform import Platform, open_platform
from churn_platform.feeds.calendar import CalendarError

WAREHOUSE_POOL = "warehouse"


class PlatformResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The installation of `$CHURN_HOME`; opened once per process."""

    def open(self) -> Platform:
        """Settings, policies and adapters."""
        return installed_platform()


@lru_cache(maxsize=1)
def installed_platform() -> Platform:
    """The platform of this process."""
    return open_platform()


@lru_cache(maxsize=1)
def observation_days() -> dg.DailyPartitionsDefinition:
    """One partition per observation_date of the feed's calendar.

    An empty landing folder has no calendar yet: it gets the policy's first day, so that the graph can be looked at before data are.
    """
    platform = installed_platform()
    try:
        calendar = platform.calendar
        first, last = calendar.first_day, calendar.last_day
    except CalendarError:
        first = last = platform.policies.replay.start_date
    # Dagster ends the days at the machine's own today; a simulated telco, or a replay, lives beyond it
    beyond = max(0, (last - datetime.now(UTC).date()).days + 1)
    # end_date is exclusive
    return dg.DailyPartitionsDefinition(
        start_date=first.isoformat(), end_date=(last + timedelta(1)).isoformat(), end_offset=beyond
    )


def partition_days(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> list[date]:
    """The observation dates of this run: one partition, or every partition of a range."""
    return [date.fromisoformat(key) for key in context.partition_keys]
