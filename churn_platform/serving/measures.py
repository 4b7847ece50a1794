"""What the API measures of itself, in Prometheus' form.

What belongs here: counters, the latency histogram, gauges of what is served. What does not: judging them (`rollout/`, `alerts/`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from churn_platform.adapters.prediction_log import PredictionLog
    from churn_platform.serving.state import State

#: seconds; a prediction alone takes some tens of microseconds
PREDICTION_BUCKETS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5)
#: seconds; fine around the promise of 0.2 and the aim of 0.025
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


class Measures:
    """One server's measurements, in a registry of its own, so that two servers in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "churn_requests_total", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "churn_request_seconds",
            "Seconds from admission to answer.",
            ["route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._predictions = Counter(
            "churn_predictions_total",
            "Predictions by model and variant.",
            ["version", "variant"],
            registry=self.registry,
        )
        self._answering = Histogram(
            "churn_prediction_seconds",
            "Seconds that a prediction took, by model and variant.",
            ["version", "variant"],
            buckets=PREDICTION_BUCKETS,
            registry=self.registry,
        )
        self._failures = Counter(
            "churn_prediction_failures_total",
            "Times that a model was asked and could not answer.",
            ["version", "variant"],
            registry=self.registry,
        )
        self._dropped = Counter(
            "churn_shadow_dropped_total", "Requests that the shadow was too slow for.", registry=self.registry
        )
        self._waiting = Gauge("churn_requests_waiting", "Requests admitted and not answered.", registry=self.registry)
        self._log_waiting = Gauge("churn_log_waiting", "Predictions that are not on disk yet.", registry=self.registry)
        self._customers = Gauge(
            "churn_customers", "Customers whose features are served.", ["feature_set"], registry=self.registry
        )
        self._problems = Gauge("churn_problems", "Things that could not be followed.", registry=self.registry)
        self._counted: dict[tuple[str, int], Counter] = {}
        self._timed: dict[str, Histogram] = {}
        self._predicted: dict[tuple[str, str], tuple[Counter, Histogram]] = {}

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one answered or refused request."""
        counted = self._counted.get((route, status))
        if counted is None:
            counted = self._counted[route, status] = self._requests.labels(route, str(status))
        counted.inc()
        timed = self._timed.get(route)
        if timed is None:
            timed = self._timed[route] = self._seconds.labels(route)
        timed.observe(seconds)

    def prediction(self, version: str, variant: str, seconds: float) -> None:
        """Count one prediction."""
        known = self._predicted.get((version, variant))
        if known is None:
            known = self._predicted[version, variant] = (
                self._predictions.labels(version, variant),
                self._answering.labels(version, variant),
            )
        counted, timed = known
        counted.inc()
        timed.observe(seconds)

    def failure(self, version: str, variant: str) -> None:
        """Count one time that a model could not answer."""
        self._failures.labels(version, variant).inc()

    def shadow_dropped(self) -> None:
        """Count one request that the shadow did not see."""
        self._dropped.inc()

    def exposition(self, state: State, log: PredictionLog, waiting: int) -> bytes:
        """The text that Prometheus scrapes."""
        self._waiting.set(waiting)
        self._log_waiting.set(log.waiting)
        self._problems.set(len(state.problems))
        for name, features in state.features.items():
            self._customers.labels(name).set(len(features))
        return generate_latest(self.registry)
