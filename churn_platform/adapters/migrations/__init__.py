"""The ops store's schema, step by step. The store runs these itself when it opens; nobody needs alembic's command line.

A new step is a file `versions/r0002_….py` with `revision = "0002"` and `down_revision = "0001"`, and `SCHEMA_VERSION`
in `ops_store/tables.py` follows. Steps go forwards only: the way back is the backup taken before.
"""
