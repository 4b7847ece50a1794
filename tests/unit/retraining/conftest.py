"""What the sensor's tests share: a home with a champion, its evidence, and outcomes that matured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from made_registrations import registration

from churn_platform.adapters import clock
from churn_platform.adapters.platform import Platform, open_platform
from churn_platform.adapters.warehouse import Warehouse

NOW = datetime(2026, 6, 10, 9, tzinfo=UTC)


class Clock:
    """A wall clock that tests move."""

    time = NOW


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(clock, "now", lambda: moved.time)
    return moved


@pytest.fixture
def platform(home: Path, now: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A champion that was trained as of 30 May, and 500 outcomes that matured since."""
    home.mkdir(parents=True)
    identity = {"feed": "ibm", "source_digest": "0" * 64, "simulated": False, "note": "a test's own"}
    (home / "home.json").write_text(json.dumps(identity))
    monkeypatch.setattr(Warehouse, "matured_outcomes", lambda *_: 500)
    opened = open_platform("ibm")
    by: dict[str, Any] = {"actor": "service:platform", "at": datetime(2026, 5, 31, 6, tzinfo=UTC)}
    opened.ops.register_model(registration(1, feature_set="v2"), **by)
    opened.ops.promote("churn-1", None, "first", {"decision": 1}, **by)
    yield opened
    opened.ops.close()
