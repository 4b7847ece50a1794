"""What Dagster shows of landed files, raw tables and the quarantine.

What belongs here: facts of ingestion as metadata. What does not: the facts themselves (`flows/ingestion`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from churn_platform.defs.metadata import Metadata, source_metadata, table

if TYPE_CHECKING:
    from churn_platform.adapters.platform import Platform
    from churn_platform.feeds.quarantine import Screened


def file_metadata(platform: Platform, days: Sequence[date], written: int) -> Metadata:
    """The landed files of the run."""
    from churn_platform.adapters.landing_zone import landed_files

    found = landed_files(platform.settings.landing, days)
    per_table: dict[str, int] = {}
    for landed in found:
        per_table[landed.table] = per_table.get(landed.table, 0) + 1
    return {
        **source_metadata(platform),
        "files": len(found),
        "files_written": written,
        "by_table": table([{"table": name, "files": count} for name, count in per_table.items()]),
        "folder": dg.MetadataValue.path(str(platform.settings.landing)),
        "days_without_customers_file": sum(day in platform.calendar.quiet_days for day in days),
    }


def raw_metadata(part: Screened) -> Metadata:
    """A raw table's account and its first rows."""
    unexpected, filled = (
        sorted({name for names in part.receipts[column] for name in json.loads(names)})
        for column in ("unexpected_columns", "filled_columns")
    )
    return {
        "dagster/row_count": len(part.accepted),
        "received": part.received,
        "accepted": len(part.accepted),
        "quarantined": len(part.quarantined),
        "unexpected_columns": ", ".join(unexpected) or "none",
        "filled_columns": ", ".join(filled) or "none",
        "first_rows": table(part.accepted.head(5).drop(columns=["source_digest"]).astype("str")),
    }


def quarantine_metadata(screened: Sequence[Screened]) -> Metadata:
    """What was refused, by rule, over all tables."""
    rules: dict[tuple[str, str, str], int] = {}
    for part in screened:
        for row in part.quarantined.itertuples():
            key = (part.table, str(row.column_name), str(row.rule))
            rules[key] = rules.get(key, 0) + 1
    counted = sorted(rules.items(), key=lambda item: -item[1])
    return {
        "dagster/row_count": sum(rules.values()),
        "received": sum(part.received for part in screened),
        "accepted": sum(len(part.accepted) for part in screened),
        "quarantined": sum(len(part.quarantined) for part in screened),
        "by_rule": table([{"table": t, "column": c, "rule": r, "rows": n} for (t, c, r), n in counted]),
    }
