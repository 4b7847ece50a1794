"""The evaluation report: one self-contained HTML page, for a retention manager first and a data scientist second.

`evaluation_report` puts it together (`page`) from figures (`figures`), tables (`tables`), words (`words`) and one look
(`theme`). It measures nothing and judges nothing: every figure comes from the `Evaluation`, every verdict from a gate.
"""

from __future__ import annotations

from churn_platform.evaluation.report.content import ReportExplanation, ReportHeader
from churn_platform.evaluation.report.page import evaluation_report

__all__ = ["ReportExplanation", "ReportHeader", "evaluation_report"]
