"""The door to Dagster: assets, checks, jobs and schedules over the rooms. Only this folder and `definitions.py` import dagster.

An asset is: docstring, load, one call into a room, result with metadata.
"""

import warnings

# Backfill policies have been what we use since Dagster 1.5 and are still marked beta; one line per asset would bury real warnings.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy` of .* is currently in beta")
