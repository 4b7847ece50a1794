"""Following the routing file: what cannot be read is said, the last good state stays, and the file put back ends the problem."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from churn_platform.adapters.signing import Verifier
from churn_platform.contracts.routing import Routing
from churn_platform.serving.following import Follower


def test_a_routing_that_is_away_is_a_problem_until_it_is_back(tmp_path: Path) -> None:
    file = tmp_path / "routing.json"
    file.write_text(json.dumps(Routing(3, None).to_dict()))
    follower = Follower(file, tmp_path, tmp_path, Verifier({}), lambda _: None, 5, timedelta(62))
    follower.look()
    assert follower.state.problems == ()
    away = file.rename(tmp_path / "away")
    follower.look()
    assert "cannot be read" in follower.state.problems[0]
    assert follower.state.routing.sequence == 3
    away.rename(file)
    follower.look()
    assert follower.state.problems == ()
