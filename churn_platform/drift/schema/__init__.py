"""Schema drift and late feeds, judged on the landed files before anything reads them.

What belongs here: what a file looks like (`facts`), what is usual (`usual`), and what that makes of today's files (`judge`). What does
not: which rows are accepted (`feeds/quarantine`), reading files (`flows/monitoring/schema`).
"""

from churn_platform.drift.schema.facts import ColumnFacts, FileFacts, file_facts, unreadable_file
from churn_platform.drift.schema.judge import schema_findings
from churn_platform.drift.schema.usual import UsualTable, usual_table

__all__ = ["ColumnFacts", "FileFacts", "UsualTable", "file_facts", "schema_findings", "unreadable_file", "usual_table"]
