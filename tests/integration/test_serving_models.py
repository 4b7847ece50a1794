"""Two models in one server: the shadow, switches, the same answer by every road, damaged packages, made-up requests."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from serving_home import PREDICT, platform_at, put, quick_service, served, two_models

from bench.serving_cases import GOOD, cases
from bench.switches import _lasting
from churn_platform.adapters import dbt
from churn_platform.adapters.packages import read_package
from churn_platform.adapters.platform import Platform
from churn_platform.adapters.prediction_log import closed_segments, read_segment
from churn_platform.adapters.signing import load_signer
from churn_platform.contracts.routing import Kill, Routing, ServedModel, Split
from churn_platform.contracts.tables import CUSTOMERS
from churn_platform.feeds.quarantine import screen
from churn_platform.flows.routing import publish_routing
from churn_platform.flows.scoring import score_days
from churn_platform.flows.served_features import publish_features
from churn_platform.serving.app import scoring_app
from churn_platform.serving.attribute_form import COLUMNS
from churn_platform.training.candidate import ModelPackage

pytestmark = [pytest.mark.xdist_group("main_job"), pytest.mark.slow]

ROWS = 10_000


@pytest.fixture(scope="module")
def platform(ibm_home: Path, ibm_summary: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Platform:
    assert ibm_summary["champion_version"]
    home = Path(shutil.copytree(ibm_home, tmp_path_factory.mktemp("two-models") / "home"))
    installed = platform_at(home)
    publish_features(installed, installed.calendar.live_days)
    return installed


@pytest.fixture(scope="module")
def models(platform: Platform) -> tuple[ServedModel, ServedModel]:
    return two_models(platform)


@pytest.fixture(scope="module")
def customers(platform: Platform) -> list[str]:
    files = sorted((platform.settings.published / "served_features_v1").glob("*/*.parquet"))
    return sorted(set(pd.concat([pd.read_parquet(path, columns=["customer_id"]) for path in files])["customer_id"]))


@pytest.fixture
def routed(platform: Platform) -> Iterator[Any]:
    """Writes a routing that stands for the whole test, also while a service starts; the recorded one comes back after it."""
    yield lambda routing: put(platform, routing)
    publish_routing(platform)


def shadowed(champion: ServedModel, challenger: ServedModel) -> Routing:
    return Routing(1, champion, challenger, Split("plan", "shadow", "salt", 1.0, mirrored=True))


def follow(service: Any) -> None:
    """Follow what is written now, without waiting for the threads."""
    service.follower.look()
    service.follower.load()
    service.follower.look()


def logged(platform: Platform) -> list[dict[str, Any]]:
    folder = platform.settings.predictions
    return [json.loads(record) for path in closed_segments(folder) for record in read_segment(path)]


def test_a_shadow_changes_no_answer_and_is_logged_beside_it(
    platform: Platform, models: tuple[ServedModel, ServedModel], customers: list[str], routed: Any
) -> None:
    bodies = [{"customer_id": one} for one in customers[:150]] + [{"attributes": GOOD}]
    service = quick_service(platform)
    with TestClient(scoring_app(service)) as client:
        alone = [client.post(PREDICT, json=body).content for body in bodies]
        routed(shadowed(*models))
        follow(service)
        beside = [client.post(PREDICT, json=body).content for body in bodies]
        batch = client.post(f"{PREDICT}/batch", json={"customers": bodies}).json()["predictions"]
        until = time.monotonic() + 30
        while service.shadow.waiting or service.log.flushed < 5 * len(bodies):
            assert time.monotonic() < until, "the shadow did not see them all"
            time.sleep(0.05)
        routed(Routing(2, models[1]))
        follow(service)
        own = [client.post(PREDICT, json=body).json() for body in bodies]
    # byte for byte, but for the id that names the prediction
    assert [without_id(one) for one in alone] == [without_id(one) for one in beside]
    assert [without_id(json.dumps(one).encode()) for one in batch] == [
        without_id(json.dumps(json.loads(one)).encode()) for one in alone
    ]
    records = {record["prediction_id"]: record for record in logged(platform)}
    shadows = {record["shadow_of"]: record for record in records.values() if record["variant"] == "shadow"}
    for answer, theirs in zip([json.loads(one) for one in beside], own, strict=True):
        shadow = shadows[answer["prediction_id"]]
        assert shadow["model_version"] == "churn-2"
        assert shadow["error"] is None
        assert (shadow["probability"], shadow["margin"]) == (theirs["probability"], theirs["margin"])
        assert shadow["probability"] != answer["probability"]
    assert len(shadows) == 2 * len(bodies)


def without_id(content: bytes) -> bytes:
    answer = json.loads(content)
    return content.replace(answer["prediction_id"].encode(), b"")


def test_ten_thousand_rows_are_scored_and_refused_alike_by_batch_api_and_shadow(
    platform: Platform, models: tuple[ServedModel, ServedModel], tmp_path: Path
) -> None:
    home = Path(shutil.copytree(platform.settings.home, tmp_path / "home"))
    installed = platform_at(home)
    day = installed.calendar.live_days[-1]
    described = made_rows(installed)

    landed = pd.DataFrame(
        [
            {**{name: as_text(row.get(name)) for name in CUSTOMERS.column_names}, "customer_id": f"P{place:05d}"}
            for place, row in enumerate(described)
        ]
    ).assign(
        observation_date=day.isoformat(),
        known_at=day.isoformat(),
        landed_on=pd.Timestamp(day),
        source_file="customers/made.csv",
        source_digest="made",
    )
    screened = screen(CUSTOMERS, landed)
    installed.warehouse.replace_days([day], [screened])
    dbt.build(installed.settings, day, day).raise_on_failure()
    publish_features(installed, [day])
    scored = score_days(installed, [day]).scored[0].scores.set_index("customer_id")
    refused = set(screened.quarantined["raw_content"].map(lambda raw: json.loads(raw)["customer_id"]))
    assert len(scored) + len(refused) == ROWS
    assert len(refused) > 500  # the control: nulls, unseen categories and blanks are among them

    put(installed, shadowed(*models))
    service = quick_service(installed)
    put(installed, shadowed(*models))
    names = [f"P{place:05d}" for place in range(ROWS)]
    with TestClient(scoring_app(service)) as client:
        follow(service)
        by_attributes = asked(client, [{"attributes": one} for one in described])
        by_id = asked(client, [{"customer_id": name} for name in names])
        until = time.monotonic() + 60
        while service.shadow.waiting:
            assert time.monotonic() < until
            time.sleep(0.05)
    for name, one, other in zip(names, by_attributes, by_id, strict=True):
        if name in refused:
            assert "error" in one, f"{name}: the batch refused {described[names.index(name)]}, the API answered"
            assert "error" in other
    taken = [place for place, name in enumerate(names) if name not in refused]
    batch = scored.loc[[names[place] for place in taken]]
    for answers in (by_attributes, by_id):
        told = pd.DataFrame([answers[place] for place in taken])
        assert np.abs(told["probability"].to_numpy() - batch["probability"].to_numpy()).max() == 0
        assert np.abs(told["margin"].to_numpy() - batch["margin"].to_numpy()).max() == 0
        assert told["band"].tolist() == batch["band"].tolist()
    second = ModelPackage.from_files(
        models[1].digest, read_package(installed.settings.packages, models[1].digest, installed.signer.verifier)
    )
    features = installed.warehouse.features(service.follower.state.models[models[1].digest].feature_set, day, day)
    margins = second.contributions(second.model.values(features)).margin
    expected = dict(zip(features["customer_id"], margins.tolist(), strict=True))
    shadows = {one["shadow_of"]: one["margin"] for one in logged(installed) if one["variant"] == "shadow"}
    differences = [
        abs(shadows[answers[place]["prediction_id"]] - expected[names[place]])
        for answers in (by_attributes, by_id)
        for place in taken
    ]
    assert len(differences) == 2 * len(taken)
    assert max(differences) == 0


def asked(client: TestClient, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answers = []
    for start in range(0, len(entries), 1000):
        answers += client.post(f"{PREDICT}/batch", json={"customers": entries[start : start + 1000]}).json()[
            "predictions"
        ]
    return answers


def made_rows(installed: Platform) -> list[dict[str, Any]]:
    """Real customers drawn again, one in five of them with a null, a blank, an unseen category or a number out of bounds."""
    raw = installed.warehouse.query("SELECT * FROM raw.customers ORDER BY customer_id, observation_date")
    real = raw[list(COLUMNS)].to_dict("records")
    chance = random.Random(11)
    rows = []
    for place in np.random.default_rng(11).integers(0, len(raw), ROWS):
        row = {name: plain(value) for name, value in real[place].items()}
        damage = chance.random()
        if damage < 0.06:
            row[chance.choice([name for name, column in COLUMNS.items() if column.nullable])] = None
        elif damage < 0.09:
            row.update(tenure_months=0, total_charges=None)
        elif damage < 0.13:
            row[chance.choice([name for name, column in COLUMNS.items() if column.domain])] = "Unseen"
        elif damage < 0.16:
            row[chance.choice(list(COLUMNS))] = None
        elif damage < 0.18:
            row[chance.choice(["tenure_months", "monthly_charges"])] = chance.choice([-1, 10**9])
        elif damage < 0.20:
            del row[chance.choice(list(COLUMNS))]
        rows.append(row)
    return rows


def plain(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def as_text(value: Any) -> str:
    """A cell of a file: a blank where nothing is known."""
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def test_switches_are_whole_and_quick(
    platform: Platform, models: tuple[ServedModel, ServedModel], customers: list[str], routed: Any
) -> None:
    first, second = models
    blue = Routing(1, first, blue=first, green=second)
    moves = [
        (replace(blue, champion=second), "churn-2"),
        (blue, "churn-1"),
        (replace(blue, kill=Kill("stop", "ana", "a test", "")), "stop"),
        (Routing(2, second), "churn-2"),
        (replace(blue, kill=Kill("fallback", "ana", "a test", "")), "rule"),
        (Routing(3, first), "churn-1"),
    ]
    routed(blue)
    service = quick_service(platform)
    routed(blue)
    body = {"customer_id": customers[0]}
    with TestClient(scoring_app(service)) as client:
        follow(service)
        truth = {}
        for routing, who in ((Routing(0, first), "churn-1"), (Routing(0, second), "churn-2")):
            routed(routing)
            follow(service)
            truth[who] = _lasting(client.post(PREDICT, json=body).json())
        before = "churn-2"
        for number in range(24):
            routing, expected = moves[number % len(moves)]
            routed(routing)
            written = time.monotonic()
            while True:
                answer = client.post(PREDICT, json=body)
                who = "stop" if answer.status_code == 503 else answer.json()["model_version"]
                assert who in (before, expected), f"switch {number}: {who} answered between {before} and {expected}"
                if who in truth:
                    assert _lasting(answer.json()) == truth[who]
                if who == expected:
                    break
                assert time.monotonic() - written < 1.0, f"switch {number} to {expected} took longer than a second"
            before = expected


def test_of_a_thousand_damaged_packages_none_is_loaded_and_the_server_goes_on(
    platform: Platform, models: tuple[ServedModel, ServedModel], customers: list[str], routed: Any, tmp_path: Path
) -> None:
    service = quick_service(platform)
    proved: list[str] = []
    with TestClient(scoring_app(service)) as client:
        follower = service.follower
        follower.prove = lambda digest: proved.append(digest) or None  # type: ignore[func-returns-value]
        stranger = load_signer(tmp_path / "stranger")
        source = platform.settings.packages / models[1].digest
        other = platform.settings.packages / models[0].digest
        follower.packages = tmp_path / "packages"
        follower.packages.mkdir()
        refusals = set()
        for number in range(1000):
            digest = damaged(source, other, follower.packages, random.Random(number), stranger)
            reason = follower._load(ServedModel("churn-9", digest))
            assert isinstance(reason, str), f"damage {number} was loaded"
            refusals.add(reason.partition(": ")[2].partition(" must not be used: ")[2][:40])
            shutil.rmtree(follower.packages / digest, ignore_errors=True)
        assert proved == []  # refused before anything was parsed
        assert len(refusals) > 5
        # the control: the same package, whole, is loaded
        shutil.copytree(source, follower.packages / source.name)
        assert not isinstance(follower._load(models[1]), str)
        assert proved == [source.name]
        assert client.post(PREDICT, json={"customer_id": customers[0]}).status_code == 200


def damaged(source: Path, other: Path, root: Path, chance: random.Random, stranger: Any) -> str:
    """A package like `source`, with one thing wrong; the digest by which it is asked for."""
    folder = root / source.name
    folder.mkdir()
    for path in source.iterdir():
        os.link(path, folder / path.name)
    victim = chance.choice(sorted(path for path in folder.iterdir() if path.stat().st_size))
    content = bytearray(victim.read_bytes())
    kind = chance.choice(["flip", "cut", "swap", "sign", "other", "gone", "more", "link"])
    victim.unlink()
    if kind == "flip":
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del content[chance.randrange(len(content)) :]
    elif kind == "swap":
        neighbour = chance.choice(sorted(path for path in folder.iterdir() if path.read_bytes() != bytes(content)))
        content = bytearray(neighbour.read_bytes())
    elif kind == "more":
        content += chance.randbytes(3)
    elif kind == "other" and victim.name in ("calibration.json", "manifest.json", "manifest.sig"):
        content = bytearray((other / victim.name).read_bytes())  # what differs between the two models
    elif kind == "link":
        victim.symlink_to(source / victim.name)
        return source.name
    elif kind != "gone":
        victim.write_bytes(bytes(content))
        (folder / "manifest.sig").unlink()
        content = bytearray(stranger.sign((folder / "manifest.json").read_bytes()))
        victim = folder / "manifest.sig"
    if kind != "gone":
        victim.write_bytes(bytes(content))
    return source.name


def test_made_up_requests_break_nothing_and_what_is_wrong_is_refused(
    platform: Platform, customers: list[str], models: tuple[ServedModel, ServedModel], routed: Any
) -> None:
    blue = Routing(1, models[0], blue=models[0], green=models[1])
    service = quick_service(platform)
    routed(blue)
    with served(service) as url:
        follow(service)
        told = cases(url, customers, documented=250, damaged=1_500)
        with urllib.request.urlopen(f"{url}/ready") as answer:  # noqa: S310 (our own server)
            assert json.load(answer)["ready"]
    assert told["problems"] == []
    assert told["by the document"] >= 150
    assert told["damaged"] == 1_500
    assert 50 < told["damaged and answered 200"] < 750  # the control: right ones are answered, most are wrong
