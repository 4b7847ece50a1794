"""The drift report: one page a day, for whoever has to decide what follows from it.

What belongs here: the page (`page`) and its figures (`figures`). What does not: writing files (`flows/monitoring`), judging.
"""

from churn_platform.drift.report.page import PLOTLY, ReportAbout, drift_page

__all__ = ["PLOTLY", "ReportAbout", "drift_page"]
