"""The command line: `commands` are the verbs, `text` is what people read of their answers."""

from churn_platform.cli.commands import main

__all__ = ["main"]
