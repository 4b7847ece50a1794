"""The peer of `churn day`: the same assets run as Dagster runs them by default, one process a step."""

import dagster as dg

from churn_platform.definitions import ASSETS
from churn_platform.defs.jobs import day_job
from churn_platform.defs.resources import PlatformResource

defs = dg.Definitions(
    assets=ASSETS, jobs=[day_job], resources={"platform": PlatformResource()}, executor=dg.multiprocess_executor
)
