"""Made-up requests to every route of a running scoring API: none may break it, and none that is wrong may be accepted.

    python -m bench serving_cases

Schemathesis makes cases from the API's own document, good and wrong ones, for each route, and applies all of its checks to the answers
(no server error, declared status, declared content type, declared form, wrong input refused, right input accepted, methods that
are not there). Beside it, Hypothesis damages good requests as bytes (cut, flipped, doubled, nested, with other types, NaN, huge numbers,
other encodings), over a raw socket; whether a body is of the declared form is judged by Python's own JSON reader and by the
document's schema, not by the server.
"""

from __future__ import annotations

import copy
import http.client
import json
import os
import platform
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.whole_process import measured

DOCUMENTED, DAMAGED = 12_000, 10_000
LARGEST = 1_048_576
LIBRARIES = ("schemathesis", "hypothesis", "fastapi", "uvicorn")


def measure() -> list[dict[str, Any]]:
    """Counts over both kinds of cases, against a server on a real home."""
    from bench.serving import SCRIPTS, serving

    with tempfile.TemporaryDirectory(prefix="churn-bench-") as folder:
        home = Path(os.environ.get("CHURN_BENCH_HOME", Path(folder) / "home"))
        if not home.exists():
            measured([SCRIPTS / "churn", "run", "--feed", "ibm", "--json"], {"CHURN_HOME": str(home)})
        measured([sys.executable, "-m", "bench.serving", "prepare", folder], {"CHURN_HOME": str(home)})
        known = [json.loads(line)["customer_id"] for line in (Path(folder) / "known").read_text().splitlines()]
        with serving(home, 8191) as server:
            told = cases(f"http://127.0.0.1:{server.port}", known, DOCUMENTED, DAMAGED)
    versions = {one: version(one) for one in LIBRARIES} | {"python": platform.python_version()}
    for problem in told["problems"][:20]:
        print(problem, file=sys.stderr)
    return [
        {"name": f"made-up requests: {name}", "unit": "cases", "ours": value, "peer": None, "ratio": None}
        | {"versions": versions}
        for name, value in told.items()
        if name != "problems"
    ]


def cases(url: str, known: list[str], documented: int, damaged: int, seed: int = 0) -> dict[str, Any]:
    """Send about that many of both kinds; counts, and the problems that were found, in words."""
    problems: list[str] = []
    sent = documented_cases(url, known, documented, seed, problems)
    statuses = damaged_cases(url, known, damaged, seed, problems)
    server_errors = sum(count for status, count in statuses.items() if status >= 500)
    return {
        "by the document": sent,
        "damaged": sum(statuses.values()),
        "damaged and answered 200": statuses[200],
        "server errors": server_errors + sum("[server error]" in problem for problem in problems),
        "violations": len(problems),
        "problems": problems,
    }


def documented_cases(url: str, known: list[str], count: int, seed: int, problems: list[str]) -> int:
    """Cases that Schemathesis makes of the document, good and wrong alike, all of its checks on each answer; how many were sent."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from schemathesis import GenerationMode

    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    parts = Counter({operation.label: 1 if operation.method.upper() == "GET" else 6 for operation in operations})
    sent = Counter[str]()
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode is GenerationMode.NEGATIVE and operation.method.upper() == "GET" and "{" not in operation.path:
                continue  # nothing of it can be wrong
            share = max(1, count * parts[operation.label] // (2 * sum(parts.values())))
            ask = _asking(mode is GenerationMode.POSITIVE, known, sent, problems)
            settled = settings(
                max_examples=share,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            try:
                seeded(seed)(settled(given(case=operation.as_strategy(generation_mode=mode))(ask)))()
            except Exception as error:
                problems.append(f"{operation.label}: {type(error).__name__}: {error}"[:2000])
    return sent.total()


def _asking(good: bool, known: list[str], sent: Counter[str], problems: list[str]) -> Callable[[Any], None]:
    """A test that sends one case and checks its answer; problems are kept, and do not end it."""

    def ask(case: Any) -> None:
        sent[case.path] += 1
        if good and sent.total() % 2 and isinstance(case.body, dict) and "customer_id" in case.body:
            case.body["customer_id"] = known[sent.total() % len(known)]  # half of those who are asked for are known
        try:
            case.validate_response(case.call(timeout=30))
        except (Exception, BaseExceptionGroup) as error:  # the checks' failures come as a group
            kind = "[server error] " if "Server error" in str(error) else ""
            problems.append(f"{kind}{case.method} {case.path}: {error}"[:2000])

    return ask


def damaged_cases(url: str, known: list[str], count: int, seed: int, problems: list[str]) -> Counter[int]:
    """Damaged bodies to every prediction route; statuses. A 200 to a body that is not of the declared form is a problem."""
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("GET", "/openapi.json")
    judge = Judge(json.loads(connection.getresponse().read()))
    statuses: Counter[int] = Counter()
    for path, kind, body in bodies(known, random.Random(seed), count):  # noqa: S311 (made-up requests)
        try:
            connection.request("POST", path, body=body, headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            problems.append(f"{path}, {kind}: the connection broke: {error!r}")
            connection.close()
            continue
        statuses[answer.status] += 1
        where = f"{path}, {kind}, {body[:200]!r}: {answer.status} {content[:200]!r}"
        if answer.status >= 500:
            problems.append(f"[server error] {where}")
        elif answer.status == 200 and not judge.is_request(path, body):
            problems.append(f"[wrong and accepted] {where}")
        if not judge.is_answer(path, answer.status, content):
            problems.append(f"[not of the declared form] {where}")
    return statuses


class Judge:
    """Whether bodies are of the form that the document declares, by a JSON Schema validator."""

    def __init__(self, document: dict[str, Any]) -> None:
        import jsonschema_rs

        self._validators = {
            name: jsonschema_rs.validator_for(
                {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
            )
            for name in ("PredictionRequest", "BatchRequest", "PredictionAnswer", "BatchAnswer", "ErrorAnswer")
        }

    def is_request(self, path: str, body: bytes) -> bool:
        """Whether the server may accept the body; of a batch each customer is judged by itself, so its frame counts."""
        try:
            content = json.loads(body.decode("utf-8"), parse_constant=_refused)
        except (ValueError, RecursionError):
            return False
        if path.endswith("/batch"):
            return isinstance(content, dict) and set(content) == {"customers"} and bool(content["customers"])
        return bool(self._validators["PredictionRequest"].is_valid(content))

    def is_answer(self, path: str, status: int, content: bytes) -> bool:
        """Whether the answer is of the form that its status declares."""
        form = ("BatchAnswer" if path.endswith("/batch") else "PredictionAnswer") if status == 200 else "ErrorAnswer"
        try:
            return bool(self._validators[form].is_valid(json.loads(content)))
        except ValueError:
            return False


def _refused(word: str) -> None:
    raise ValueError(word)


GOOD = {
    "gender": "Female",
    "senior_citizen": "No",
    "partner": "Yes",
    "dependents": "No",
    "tenure_months": 7,
    "phone_service": "Yes",
    "multiple_lines": "No",
    "internet_service": "Fiber optic",
    "online_security": "No",
    "online_backup": "No",
    "device_protection": "Yes",
    "tech_support": "No",
    "streaming_tv": "Yes",
    "streaming_movies": "No",
    "contract": "Month-to-month",
    "paperless_billing": "Yes",
    "payment_method": "Electronic check",
    "monthly_charges": 89.1,
    "total_charges": 623.7,
}
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, -1e308, 10**30, 2**63, 0.5, "", " ", "NaN", "null", "Three year", "Infinity", "\u0000", "\u202e",
    "é" * 70, "x" * 5000, [], {}, [[]], {"a": 1}, [None], "customer", "' OR 1=1 --", "2026-01-01", "\ud83d\ude00", -0.0, "12", " Male ",
)  # fmt: skip
RAW = (
    b"", b"null", b"[]", b"{}", b"NaN", b'{"customer_id": NaN}', b'{"customer_id": "A", "customer_id": 1}', b'{"customer_id": 1e999}',
    b"\xff\xfe",
    b"\x00" * 50, b"[" * 100 + b"]" * 100, b'{"a":' * 50 + b"1" + b"}" * 50, b'"customer_id"',
    b"'single'", b"{customer_id: 1}",
    b'{"customer_id": "\\ud800"}', b'\xef\xbb\xbf{"customer_id": "A"}',
    b'{"customer_id": "A",}', b'{"attributes": {}}', b'{"customers": []}',
)  # fmt: skip


def bodies(known: list[str], chance: random.Random, count: int) -> Iterator[tuple[str, str, bytes]]:
    """(path, kind of damage, body)."""
    paths = ("predict", "predict", "predict/batch", "predict-blue", "predict-green")
    kinds = (_as_it_is, _value, _dropped, _added, _cut, _flipped, _doubled, _raw, _deep, _encoded)
    for number in range(count):
        name = paths[number % len(paths)]
        content: Any = {"customer_id": chance.choice(known)} if chance.random() < 0.4 else {"attributes": dict(GOOD)}
        if name == "predict/batch":
            content = {"customers": [copy.deepcopy(content) for _ in range(chance.randrange(1, 4))]}
        kind = kinds[number // len(paths) % len(kinds)]
        yield f"/v1/churn/{name}", kind.__name__.strip("_"), kind(content, chance)


def _inner(content: Any, chance: random.Random) -> dict[str, Any]:
    """A dictionary somewhere inside."""
    found: dict[str, Any] = content
    while chance.random() < 0.8:
        deeper = [value for value in found.values() if isinstance(value, dict)]
        deeper += [one for value in found.values() if isinstance(value, list) for one in value if isinstance(one, dict)]
        if not deeper:
            break
        found = chance.choice(deeper)
    return found


def _as_it_is(content: Any, _: random.Random) -> bytes:
    return json.dumps(content).encode()


def _value(content: Any, chance: random.Random) -> bytes:
    inner = _inner(content, chance)
    inner[chance.choice(list(inner))] = chance.choice(STRANGE)
    return json.dumps(content).encode()


def _dropped(content: Any, chance: random.Random) -> bytes:
    inner = _inner(content, chance)
    del inner[chance.choice(list(inner))]
    return json.dumps(content).encode()


def _added(content: Any, chance: random.Random) -> bytes:
    _inner(content, chance)[chance.choice(("extra", "known_at", "customer_id", "attributes", ""))] = chance.choice(
        STRANGE
    )
    return json.dumps(content).encode()


def _cut(content: Any, chance: random.Random) -> bytes:
    whole = json.dumps(content).encode()
    return whole[: chance.randrange(len(whole))]


def _flipped(content: Any, chance: random.Random) -> bytes:
    whole = bytearray(json.dumps(content).encode())
    for _ in range(chance.randrange(1, 4)):
        whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
    return bytes(whole)


def _doubled(content: Any, _: random.Random) -> bytes:
    return json.dumps(content).encode() * 2


def _raw(_: Any, chance: random.Random) -> bytes:
    return chance.choice(RAW)


def _deep(content: Any, chance: random.Random) -> bytes:
    deep: Any = 1
    for _ in range(chance.choice((3, 9, 200))):
        deep = {"a": deep} if chance.random() < 0.5 else [deep]
    inner = _inner(content, chance)
    inner[chance.choice(list(inner))] = deep
    return json.dumps(content).encode()


def _encoded(content: Any, chance: random.Random) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode(chance.choice(("utf-16", "utf-32", "utf-8-sig", "latin-1")))
