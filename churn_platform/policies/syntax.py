"""Text to YAML nodes, which know their lines; nothing is constructed from them here, so a tag can run nothing.

What belongs here: what YAML itself says about a text. What does not: what a policy file must hold (`reading.py`).
"""

from __future__ import annotations

import yaml

from churn_platform.policies.document import BLOCKS
from churn_platform.policies.errors import PolicyError, PolicyProblem

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster, where libyaml is


def root_of(text: str, name: str) -> yaml.MappingNode:
    """The top mapping of one YAML (or JSON) document; PolicyError with the line if there is none."""
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark else text[: getattr(error, "position", 0)].count("\n") + 1
        wrong = f"this is not YAML: {getattr(error, 'problem', None) or getattr(error, 'reason', error)}."
        problem = PolicyProblem(line, "", wrong, "", "Mend this line, or the one before it.")
        raise PolicyError(name, [problem]) from error
    if not isinstance(root, yaml.MappingNode):
        wrong = "the file is empty." if root is None else "the file is not a mapping of blocks."
        needed = f"Needed: the blocks {', '.join(BLOCKS)}."
        raise PolicyError(name, [PolicyProblem(1, "", wrong, needed, "Start from the packaged file.")])
    return root
