"""Tickets and messages, driven by the daemon: one sensor follows the evidence, one the clock.

`tickets_from_findings` considers newly recorded findings, once each, and sends what follows. `ticket_clock` escalates what nobody has
acknowledged in time, sends what is due again, and queues a weekly review that was missed. Both work within their tick: the work is a
few short transactions, and a run per tick would cost seconds. Sending stops in time for the tick to end within Dagster's minute.
"""

from datetime import timedelta

import dagster as dg

from churn_platform.defs.resources import installed_platform
from churn_platform.flows import alerting

SENDING = timedelta(seconds=30)
"""A tick may take 60 seconds (Dagster's limit); a message that has just been begun takes at most the policy's timeout more."""


@dg.sensor(
    name="tickets_from_findings",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Considers newly recorded findings, once each, and sends what follows. The cursor is the newest evidence.",
)
def tickets_from_findings(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Once per new evidence."""
    platform = installed_platform()
    new = platform.ops.findings(since=int(context.cursor or 0))
    if not new:
        return dg.SensorResult(skip_reason=dg.SkipReason("no findings have been recorded since the last tick"))
    changes = alerting.raise_tickets(platform)
    told = alerting.deliver(platform, within=SENDING)
    return dg.SensorResult(
        cursor=str(new[-1].sequence), skip_reason=dg.SkipReason(f"{changes.summary}; {told.summary}")
    )


@dg.sensor(
    name="ticket_clock",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Escalates tickets that nobody has acknowledged in time, and sends messages that are due.",
)
def ticket_clock(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """What time brings."""
    platform = installed_platform()
    changes = alerting.raise_tickets(platform)
    reviewed = alerting.review_week(platform)
    told = alerting.deliver(platform, within=SENDING)
    return dg.SkipReason(f"{changes.summary}; {reviewed} review messages queued; {told.summary}")


TICKET_SENSORS = [tickets_from_findings, ticket_clock]
