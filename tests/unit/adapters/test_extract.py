"""Finding IBM's extract: folders in order, one checked download, else an error that says what can be done."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from churn_platform.adapters import extract
from churn_platform.adapters.extract import (
    PUBLISHED_SHA256,
    ExtractNotFoundError,
    find_extract,
    read_extract,
    sha256_of,
)
from churn_platform.settings import Settings, load_settings

CLASSIC = "telco_customer_churn.csv"
PUBLISHED = b"customerID,Churn\r\n7590-VHVEG,No\r\n" * 4000
Handler = Callable[[http.server.BaseHTTPRequestHandler], None]


class Server(http.server.ThreadingHTTPServer):
    """A stand-in for the publisher on loopback; `answer` is what it does to a request."""

    daemon_threads = True
    answer: Handler
    requests = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the test."""


class _Asked(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.requests += 1
        server.answer(self)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def sends(content: bytes, claimed: int | None = None, status: int = 200) -> Handler:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(content) if claimed is None else claimed))
        request.end_headers()
        request.wfile.write(content)

    return answer


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), _Asked)
    server.answer = sends(PUBLISHED)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(extract, "PUBLISHED_URL", f"http://127.0.0.1:{server.server_port}/file.csv")
    monkeypatch.setattr(extract, "PUBLISHED_SHA256", hashlib.sha256(PUBLISHED).hexdigest())
    monkeypatch.setattr(extract, "DOWNLOAD_SECONDS", 0.4)
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def nowhere(tmp_path: Path) -> Settings:
    """An installation that has no extract anywhere."""
    return Settings(tmp_path / "home", (tmp_path / "home" / "raw" / "ibm",))


def leftovers(settings: Settings) -> list[Path]:
    return [path for path in settings.home.rglob("*") if path.is_file()]


def test_a_download_with_the_published_digest_is_kept_and_used_without_a_second_one(
    nowhere: Settings, publisher: Server
) -> None:
    first = find_extract(nowhere)
    assert first.files[0].read_bytes() == PUBLISHED
    assert "IBM's published file" in first.note
    assert find_extract(nowhere) == first
    assert publisher.requests == 1


def slow_drip(request: http.server.BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for start in range(0, len(PUBLISHED), 1000):
        request.wfile.write(PUBLISHED[start : start + 1000])
        threading.Event().wait(0.1)


def silence(_: http.server.BaseHTTPRequestHandler) -> None:
    threading.Event().wait(1.5)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(sends(PUBLISHED + b"x"), "the download's sha256", id="wrong digest"),
        pytest.param(sends(PUBLISHED[:5000], claimed=len(PUBLISHED)), "(5000 bytes)", id="truncated"),
        pytest.param(sends(b""), "(0 bytes)", id="empty"),
        pytest.param(sends(b"x" * 6_000_000), "the download's sha256", id="endless"),
        pytest.param(sends(b"busy", status=503), "the download failed: Service Unavailable", id="503"),
        pytest.param(sends(b"gone", status=404), "the download failed: Not Found", id="404"),
        pytest.param(silence, "timed out", id="no answer"),
        pytest.param(slow_drip, "it took longer than 0.4 s", id="slow drip"),
        pytest.param(lambda request: request.wfile.write(b"not http\r\n\r\n"), "the download failed", id="not http"),
    ],
)
def test_a_download_that_goes_wrong_is_told_in_one_line_and_leaves_nothing_behind(
    nowhere: Settings, publisher: Server, answer: Handler, why: str
) -> None:
    publisher.answer = answer
    with pytest.raises(ExtractNotFoundError) as caught:
        find_extract(nowhere)
    assert why in caught.value.why_not
    assert caught.value.why_not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert leftovers(nowhere) == []


def test_a_publisher_that_cannot_be_reached_is_told(nowhere: Settings, publisher: Server) -> None:
    publisher.shutdown()
    publisher.server_close()
    with pytest.raises(ExtractNotFoundError, match="refused"):
        find_extract(nowhere)


def test_offline_nothing_is_asked_for_and_the_error_says_what_can_be_done(nowhere: Settings, publisher: Server) -> None:
    with pytest.raises(ExtractNotFoundError) as caught:
        find_extract(Settings(nowhere.home, nowhere.raw_dirs, offline=True))
    assert caught.value.why_not == "CHURN_OFFLINE is set"
    for way_out in ("put telco_customer_churn.csv into data/raw/ibm/", "CHURN_RAW_DIR", "churn run --feed world"):
        assert way_out in str(caught.value)
    assert publisher.requests == 0


def test_the_first_folder_that_has_the_file_wins_and_the_environments_comes_first(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tmp_path / "mine"
    chosen.mkdir()
    monkeypatch.setenv("CHURN_RAW_DIR", str(chosen))
    dirs = load_settings().raw_dirs
    assert dirs[0] == chosen
    assert dirs[1].parts[-3:] == ("data", "raw", "ibm")
    assert dirs[2] == home / "raw" / "ibm"
    assert dirs[3].parts[-2:] == ("shared", "data")
    folders = [tmp_path / str(n) for n in range(3)]
    for folder in folders:
        folder.mkdir()
    settings = Settings(tmp_path / "home", tuple(folders), offline=True)
    for n in (2, 1, 0):
        (folders[n] / CLASSIC).write_text(f"from {n}")
        assert find_extract(settings).folder == folders[n]


@pytest.mark.parametrize("name", ["Telco-Customer-Churn.csv", "WA_Fn-UseC_-Telco-Customer-Churn.csv"])
def test_the_file_may_keep_the_name_it_was_published_under(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("customerID,Churn\n")
    found = find_extract(Settings(tmp_path / "home", (tmp_path,), offline=True))
    assert found.files == (tmp_path / name,)
    assert "not IBM's published file" in found.note


def test_the_real_file_is_the_published_one_and_is_read_with_its_extensions(real_data: Path, tmp_path: Path) -> None:
    found = find_extract(Settings(tmp_path, (real_data,), offline=True))
    assert sha256_of(found.files[0]) == PUBLISHED_SHA256
    assert [path.name for path in found.files] == [CLASSIC, "telco_services.csv", "telco_status.csv"]
    tables = read_extract(found)
    assert tables.services is not None
    assert tables.status is not None
    assert [len(part) for part in (tables.churn, tables.services, tables.status)] == [7043] * 3
    assert "None" in set(tables.services["Offer"])  # a value there, not a blank


def test_the_digest_changes_with_any_file_and_with_an_extension(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home", (tmp_path,), offline=True)
    (tmp_path / CLASSIC).write_text("a")
    digests = [find_extract(settings).digest]
    (tmp_path / "telco_status.csv").write_text("b")
    digests.append(find_extract(settings).digest)
    (tmp_path / "telco_status.csv").write_text("c")
    digests.append(find_extract(settings).digest)
    assert len(set(digests)) == 3


def test_an_id_of_digits_stays_text(tmp_path: Path) -> None:
    rows = pd.DataFrame({"customerID": ["007", "010"], "Churn": ["No", "Yes"]})
    (tmp_path / CLASSIC).write_text(rows.to_csv(index=False))
    read = read_extract(find_extract(Settings(tmp_path / "home", (tmp_path,), offline=True)))
    assert read.churn["customerID"].tolist() == ["007", "010"]
