"""The command line: `app` is what the verbs share, a file per theme holds them, `text` is what people read of their answers."""

from churn_platform.cli import (
    changed,
    commands,
    crm,
    dev,
    drift_bench,
    retrain,
    rollout,
    serve,
    simulate,
    tickets,
    world,
)
from churn_platform.cli.app import main

__all__ = [
    "changed",
    "commands",
    "crm",
    "dev",
    "drift_bench",
    "main",
    "retrain",
    "rollout",
    "serve",
    "simulate",
    "tickets",
    "world",
]
