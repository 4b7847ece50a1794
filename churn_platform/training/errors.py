"""What can be wrong with the rows or files of a model, as typed errors that say what, where, which rule, and the way
out.

Here: the errors of this room. Not here: leakage by name (`contracts.leakage`), and verdicts on a model that was trained
(`evaluation`).
"""

from __future__ import annotations


class TrainingDataError(ValueError):
    """The rows offered for training break a rule; nothing is trained."""


class MissingColumnsError(TrainingDataError):
    """A table lacks columns that it must have."""


class DuplicateGrainError(TrainingDataError):
    """A table holds a customer's observation more than once."""


class FutureKnowledgeError(TrainingDataError):
    """A feature row uses something that was known only after its observation date."""


class InconsistentOutcomeError(TrainingDataError):
    """An outcome contradicts its own dates or the policy's label horizon."""


class NoExamplesError(TrainingDataError):
    """No row is left to learn from."""


class OneClassError(TrainingDataError):
    """All rows have the same outcome, so there is nothing to tell apart."""


class TooFewExamplesError(TrainingDataError):
    """There are rows, but not enough for the split or the folds that the policy asks for."""


class FeatureValueError(ValueError):
    """A feature column holds a value that its contract does not allow: an unseen category, text for a number, an
    infinity."""


class ModelFileError(ValueError):
    """The files of a trained model are missing, unreadable, or contradict each other."""
