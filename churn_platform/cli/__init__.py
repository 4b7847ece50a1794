"""The command line: `app` is what the verbs share, a file per theme holds them, `text` is what people read of their answers."""

from churn_platform.cli import commands, retrain, simulate
from churn_platform.cli.app import main

__all__ = ["commands", "main", "retrain", "simulate"]
