"""The policy file: one place for numbers, typed, closed and frozen, each with its unit and its reason.

What belongs here: how much is too much, for everything the platform decides (`policies.yml`, beside this folder).
What does not: deciding anything. It is ground: it imports pydantic, yaml and the standard library, and reads one file.

    policies = load_policies()
    policies.drift.data.psi                 # 0.2
    policies.reason("drift.data.psi")       # why it is 0.2
    policies.digest                         # what a decision records, to say under which policy it was taken

`quantities` is the grammar, `shape` how it is written down; the blocks are in `learning`, `gating`, `monitoring`,
`releasing` and `business`, the rules between them in `between`; `document` is the whole, `reading` the way to it.
"""

from __future__ import annotations

from churn_platform.policies.alerting import AlertsPolicy, DeliveryPolicy, RoutePolicy, WeeklyReviewPolicy
from churn_platform.policies.business import (
    ApproversByTier,
    ExceptionPolicy,
    GovernancePolicy,
    KpiPolicy,
    KpisPolicy,
    RetirementPolicy,
    ReviewPolicy,
    RiskTier,
)
from churn_platform.policies.document import BLOCKS, Policies
from churn_platform.policies.errors import PolicyError, PolicyProblem, UnknownPolicyPathError
from churn_platform.policies.gating import (
    ApprovalsByTier,
    DataGatePolicy,
    DeploymentGatePolicy,
    EvaluationGatePolicy,
    GatesPolicy,
)
from churn_platform.policies.learning import (
    BandDecisions,
    EvaluationPolicy,
    LabelPolicy,
    ReplayPolicy,
    ScoringPolicy,
    TrainingPolicy,
    TuningPolicy,
)
from churn_platform.policies.monitoring import (
    ConceptDriftPolicy,
    CostDriftPolicy,
    DataDriftPolicy,
    DecayTrigger,
    DriftPolicy,
    DriftTrigger,
    DriftWindowPolicy,
    FeatureDriftPolicy,
    LabelDriftPolicy,
    PersistencePolicy,
    PredictionDriftPolicy,
    RetrainingPolicy,
    ScheduledTrigger,
    SchemaDriftPolicy,
    SloPolicy,
    VolumeTrigger,
)
from churn_platform.policies.quantities import Block, Contradiction, Named
from churn_platform.policies.reading import PACKAGED, load_policies, policies_from_text
from churn_platform.policies.releasing import (
    AbTestPolicy,
    BatchEvidencePolicy,
    BatchPolicy,
    BlueGreenPolicy,
    BusinessValuePolicy,
    CanaryPolicy,
    CanaryStep,
    ChampionChallengerPolicy,
    ComparisonWeights,
    CrmPolicy,
    RolloutPolicy,
    ServingPolicy,
    ShadowPolicy,
)

__all__ = [
    "BLOCKS",
    "PACKAGED",
    "AbTestPolicy",
    "AlertsPolicy",
    "ApprovalsByTier",
    "ApproversByTier",
    "BandDecisions",
    "BatchEvidencePolicy",
    "BatchPolicy",
    "Block",
    "BlueGreenPolicy",
    "BusinessValuePolicy",
    "CanaryPolicy",
    "CanaryStep",
    "ChampionChallengerPolicy",
    "ComparisonWeights",
    "ConceptDriftPolicy",
    "Contradiction",
    "CostDriftPolicy",
    "CrmPolicy",
    "DataDriftPolicy",
    "DataGatePolicy",
    "DecayTrigger",
    "DeliveryPolicy",
    "DeploymentGatePolicy",
    "DriftPolicy",
    "DriftTrigger",
    "DriftWindowPolicy",
    "EvaluationGatePolicy",
    "EvaluationPolicy",
    "ExceptionPolicy",
    "FeatureDriftPolicy",
    "GatesPolicy",
    "GovernancePolicy",
    "KpiPolicy",
    "KpisPolicy",
    "LabelDriftPolicy",
    "LabelPolicy",
    "Named",
    "PersistencePolicy",
    "Policies",
    "PolicyError",
    "PolicyProblem",
    "PredictionDriftPolicy",
    "ReplayPolicy",
    "RetirementPolicy",
    "RetrainingPolicy",
    "ReviewPolicy",
    "RiskTier",
    "RolloutPolicy",
    "RoutePolicy",
    "ScheduledTrigger",
    "SchemaDriftPolicy",
    "ScoringPolicy",
    "ServingPolicy",
    "ShadowPolicy",
    "SloPolicy",
    "TrainingPolicy",
    "TuningPolicy",
    "UnknownPolicyPathError",
    "VolumeTrigger",
    "WeeklyReviewPolicy",
    "load_policies",
    "policies_from_text",
]
