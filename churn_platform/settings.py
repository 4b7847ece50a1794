"""Where this installation keeps its state, and which feed it lives on.

What belongs here: paths below `$CHURN_HOME` and the few facts that come from the environment. What does not: thresholds
(they are policy) and reading or writing any of these files (adapters do).

One home is one telco: the first run writes the feed and the digest of its source into `home.json`, and a later run with
another feed or another source is refused, so that two worlds never mix in one warehouse.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

FeedName = Literal["ibm", "world", "landing"]
FEEDS: tuple[str, ...] = get_args(FeedName)

PROJECT_ROOT = Path(__file__).resolve().parents[1]


class SettingsError(ValueError):
    """The environment names something that cannot be used; the message says what to set instead."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Paths of one installation. Nothing is created by asking for a path."""

    home: Path
    raw_dirs: tuple[Path, ...]
    project_root: Path = PROJECT_ROOT
    offline: bool = False
    landing_dir: Path | None = None
    ops_database: str | None = None

    @property
    def home_file(self) -> Path:
        """The record of which telco this home holds."""
        return self.home / "home.json"

    @property
    def landing(self) -> Path:
        """Folder of landed files: `<table>/<date>.parquet` or `.csv`; `$CHURN_LANDING_DIR`, or below the home."""
        return self.landing_dir or self.home / "landing"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that dbt builds in."""
        return self.home / "warehouse" / "warehouse.duckdb"

    @property
    def training_sets(self) -> Path:
        """Content-addressed training sets."""
        return self.home / "training_sets"

    @property
    def candidates(self) -> Path:
        """Packages of models that were trained and not yet registered."""
        return self.home / "candidates"

    @property
    def handoffs(self) -> Path:
        """Small facts that one asset hands to the next."""
        return self.home / "handoffs"

    @property
    def packages(self) -> Path:
        """Content-addressed model packages."""
        return self.home / "packages"

    @property
    def published(self) -> Path:
        """Published snapshots: what readers read."""
        return self.home / "published"

    @property
    def routing_file(self) -> Path:
        """Which model answers whom: what the scoring API follows."""
        return self.home / "serving" / "routing.json"

    @property
    def predictions(self) -> Path:
        """The prediction log's segments."""
        return self.home / "predictions"

    @property
    def reports(self) -> Path:
        """HTML reports, one folder per model version."""
        return self.home / "reports"

    @property
    def ops(self) -> Path:
        """The ops store's folder."""
        return self.home / "ops"

    @property
    def ops_url(self) -> str:
        """SQLAlchemy URL of the ops store: `$CHURN_OPS_URL` (PostgreSQL in production) or SQLite below the home."""
        return self.ops_database or f"sqlite:///{self.ops / 'ops.db'}"

    @property
    def keys(self) -> Path:
        """The installation's signing key pair."""
        return self.home / "keys"

    @property
    def mlflow(self) -> Path:
        """MLflow's folder: SQLite backend and artifacts."""
        return self.home / "mlflow"

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance folder."""
        return self.home / "dagster"

    @property
    def dbt_runs(self) -> Path:
        """dbt's target and log folders of runs."""
        return self.home / "dbt"

    @property
    def dbt_project(self) -> Path:
        """The dbt project's source folder."""
        return self.project_root / "dbt_project"


def load_settings() -> Settings:
    """Settings from the environment, read once.

    `$CHURN_HOME` (default `data/` of the checkout), `$CHURN_RAW_DIR` (a folder with IBM's files), `$CHURN_LANDING_DIR` (of the feed
    `landing`), `$CHURN_OPS_URL`, `$CHURN_OFFLINE` (1, true or yes: download nothing).

    Raises:
        SettingsError: a path is not a folder, or `$CHURN_OFFLINE` is neither yes nor no.
    """
    home = _folder("CHURN_HOME") or PROJECT_ROOT / "data"
    explicit = _folder("CHURN_RAW_DIR")
    if explicit is not None and not explicit.is_dir():
        raise SettingsError(
            f"CHURN_RAW_DIR={explicit} does not exist; set it to the folder with IBM's files, or unset it"
        )
    candidates = [
        *([explicit] if explicit else []),
        PROJECT_ROOT / "data" / "raw" / "ibm",
        home / "raw" / "ibm",
        PROJECT_ROOT.parent / "shared" / "data",
    ]
    return Settings(
        home=home,
        raw_dirs=tuple(dict.fromkeys(candidates)),
        offline=_yes("CHURN_OFFLINE"),
        landing_dir=_folder("CHURN_LANDING_DIR"),
        ops_database=os.environ.get("CHURN_OPS_URL", "").strip() or None,
    )


def _folder(variable: str) -> Path | None:
    configured = os.environ.get(variable, "").strip()
    if not configured:
        return None
    path = Path(configured).expanduser().resolve()
    if path.exists() and not path.is_dir():
        raise SettingsError(f"{variable}={path} is a file; set it to a folder, for example {variable}=data")
    return path


def _yes(variable: str) -> bool:
    said = os.environ.get(variable, "").strip().lower()
    if said in {"1", "true", "yes"}:
        return True
    if said in {"", "0", "false", "no"}:
        return False
    raise SettingsError(f"{variable}={said} is neither yes nor no; set it to 1 or 0")
