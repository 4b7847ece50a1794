"""The three gates that a model meets: data before training, evaluation before registration, deployment before traffic.

Each returns a `GateDecision`, never raises, and opens only where every check passed.
"""

from __future__ import annotations

from churn_platform.evaluation.gate.data import data_gate
from churn_platform.evaluation.gate.decision import GateCheck, GateDecision, Verdict, decide
from churn_platform.evaluation.gate.deployment import Incumbent, deployment_gate
from churn_platform.evaluation.gate.performance import ChampionOnHoldout, ModelEvidence, evaluation_gate

__all__ = [
    "ChampionOnHoldout",
    "GateCheck",
    "GateDecision",
    "Incumbent",
    "ModelEvidence",
    "Verdict",
    "data_gate",
    "decide",
    "deployment_gate",
    "evaluation_gate",
]
