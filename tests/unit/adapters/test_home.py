"""One home holds one telco."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from churn_platform.adapters.home import Home, HomeError, claim_home, read_home
from churn_platform.settings import Settings

IBM = Home("ibm", "digest-1", False, "telco.csv (IBM's published file)")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "home", ())


def test_the_first_run_writes_what_the_home_holds_and_the_next_finds_the_same(settings: Settings) -> None:
    assert read_home(settings) is None
    assert claim_home(settings, IBM) == IBM == read_home(settings) == claim_home(settings, IBM)


def test_another_feed_is_refused_with_another_home_to_use(settings: Settings) -> None:
    claim_home(settings, IBM)
    with pytest.raises(
        HomeError, match=r"holds the feed 'ibm', not 'world'.*CHURN_HOME=.*-world churn run --feed world"
    ):
        claim_home(settings, replace(IBM, feed="world"))
    assert read_home(settings) == IBM


def test_another_source_of_the_same_feed_is_refused_and_both_are_named(settings: Settings) -> None:
    claim_home(settings, IBM)
    with pytest.raises(HomeError, match=r"telco\.csv .*than the one found now \(the sample\)"):
        claim_home(settings, Home("ibm", "digest-2", True, "the sample"))
    assert read_home(settings) == IBM


def test_a_source_that_only_moved_is_the_same(settings: Settings) -> None:
    claim_home(settings, IBM)
    assert claim_home(settings, replace(IBM, note="elsewhere/telco.csv")) == IBM


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"feed": "ibm"}',
        json.dumps({"feed": "ibm", "source_digest": "d", "simulated": "no", "note": ""}),
    ],
)
def test_a_damaged_record_is_an_error_and_not_an_empty_home(settings: Settings, content: str) -> None:
    settings.home.mkdir()
    settings.home_file.write_text(content)
    with pytest.raises(HomeError, match=r"home\.json is damaged .*move it away"):
        claim_home(settings, IBM)
    assert settings.home_file.read_text() == content


def test_of_many_first_runs_at_once_one_wins_and_the_others_are_refused(settings: Settings) -> None:
    def claim(number: int) -> str:
        try:
            return claim_home(settings, replace(IBM, source_digest=f"digest-{number}")).source_digest
        except HomeError:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(claim, range(8)))
    assert answers.count("refused") == 7
    there = read_home(settings)
    assert there is not None
    assert there.source_digest in answers
