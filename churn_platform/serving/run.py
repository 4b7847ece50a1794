"""Starting the scoring API on this home: one worker process per call, on loopback unless tokens are set.

What belongs here: putting the parts together, and the server. What does not: the parts.
"""

from __future__ import annotations

import ipaddress
import os
from datetime import date

from churn_platform.adapters.platform import Platform
from churn_platform.serving.app import scoring_app
from churn_platform.serving.following import Follower
from churn_platform.serving.prove import prove_in_child
from churn_platform.serving.service import ScoringService
from churn_platform.serving.tokens import VARIABLE, Tokens


class ServingError(ValueError):
    """The server was not started; the message says what to change."""


def scoring_service(platform: Platform, tokens: Tokens) -> ScoringService:
    """The service of this home; its parts start with the application."""
    from churn_platform.adapters.prediction_log import PredictionLog, seal_abandoned
    from churn_platform.flows.routing import publish_routing

    settings, policy = platform.settings, platform.policies.serving
    publish_routing(platform)
    packages, keys = settings.packages, settings.keys
    follower = Follower(
        routing_file=settings.routing_file,
        packages=packages,
        published=settings.published,
        verifier=platform.signer.verifier,
        prove=lambda digest: prove_in_child(packages, keys, digest),
        reasons=platform.policies.scoring.reasons,
        keep=policy.features_kept,
    )
    settings.predictions.mkdir(parents=True, exist_ok=True)
    seal_abandoned(settings.predictions)
    log = PredictionLog(settings.predictions, f"worker.{os.getpid()}")

    def today() -> date:
        """Today; of a replayed or made-up telco, whose days are of another year, its newest published day."""
        days = [features.newest for features in follower.state.features.values() if features.newest is not None]
        return platform.now().date() if platform.feed_name == "landing" or not days else max(days)

    return ScoringService(follower, log, policy, tokens, today)


def serve(platform: Platform, host: str, port: int) -> None:
    """Serve until interrupted; open requests are answered before it ends.

    Raises:
        ServingError: another address than loopback without tokens.
    """
    import gc

    import uvicorn

    from churn_platform.serving.lane import protocol_of

    tokens = Tokens.from_environment(os.environ)
    if not tokens and not _loopback(host):
        raise ServingError(
            f"{host} can be reached by others, and no tokens are set: set ${VARIABLE}, or serve on 127.0.0.1"
        )
    service = scoring_service(platform, tokens)
    gc.freeze()  # what is loaded by now stays: looking through it again and again would hold up answers
    uvicorn.run(
        scoring_app(service),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        http=protocol_of(service),
        loop="uvloop",
        proxy_headers=False,
    )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
