"""MLflow: the tracking record of each training, and the registry that mirrors the ops store.

What belongs here: runs, model versions, aliases. What does not: deciding who is champion. The ops store decides; the alias here
mirrors it and is put back when it differs, since setting an alias is last-writer-wins and keeps no history.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXPERIMENT = "churn"


class ModelRegistry:
    """MLflow on SQLite below the home. Nothing is logged as a pickle; the model itself is the package on disk."""

    def __init__(self, folder: Path, model_name: str) -> None:
        self.folder = folder
        self.model_name = model_name
        self._client: Any = None

    @property
    def uri(self) -> str:
        """MLflow's tracking and registry URI."""
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def client(self) -> Any:
        """The MLflow client; creates the backend at first use (about 3 s, once per home)."""
        if self._client is None:
            os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
            os.environ.setdefault("DO_NOT_TRACK", "true")
            import logging

            from mlflow.tracking import MlflowClient

            # creating the tables of a new home is no news to whoever runs a training
            logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)

            self.folder.mkdir(parents=True, exist_ok=True)
            self._client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        return self._client

    def prepare(self) -> None:
        """Create the backend and the experiment."""
        self._experiment()

    def _experiment(self) -> str:
        found = self.client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        return str(self.client.create_experiment(EXPERIMENT, artifact_location=(self.folder / "artifacts").as_uri()))

    def log_training(
        self,
        *,
        name: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        artifacts: Mapping[str, Path],
    ) -> str:
        """Record one training: parameters, metrics, tags and artifact files. Returns MLflow's run id."""
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.utils.time import get_current_time_millis

        run = self.client.create_run(self._experiment(), run_name=name)
        run_id = str(run.info.run_id)
        now = get_current_time_millis()
        self.client.log_batch(
            run_id,
            metrics=[Metric(key, float(value), now, 0) for key, value in metrics.items()],
            params=[Param(key, str(value)) for key, value in params.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        for folder, path in artifacts.items():
            self.client.log_artifact(run_id, str(path), folder)
        self.client.set_terminated(run_id)
        return run_id

    def register(self, *, version: str, package: Path, run_id: str | None, tags: Mapping[str, str]) -> str:
        """Mirror a registered model of the ops store; returns MLflow's version number. Registering again returns the same.

        Args:
            version: the ops store's version, as `churn-1`; kept as the tag `churn.version`.
            package: the model package's folder.
            run_id: the training's MLflow run.
            tags: owner, tier, digests.
        """
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(self.model_name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        there = self._version_of(version)
        if there is not None:
            return there
        created = self.client.create_model_version(
            self.model_name, source=package.as_uri(), run_id=run_id, tags={**tags, "churn.version": version}
        )
        return str(created.version)

    def mirror_alias(self, alias: str, version: str) -> bool:
        """Point MLflow's alias at the ops store's version. Returns whether it had to be changed.

        Raises:
            KeyError: the version was never registered here.
        """
        number = self._version_of(version)
        if number is None:
            raise KeyError(f"MLflow has no model version tagged churn.version={version}; register it first")
        if self.alias_of(alias) == version:
            return False
        self.client.set_registered_model_alias(self.model_name, alias, number)
        return True

    def mirror_states(self, states: Mapping[str, str]) -> None:
        """Tag every version that is registered here with its state, and let the aliases champion and challenger follow.

        Args:
            states: the ops store's version -> its state; there is at most one champion. The newest challenger has the alias.
        """
        numbers = {}
        for found in self.client.search_model_versions(f"name='{self.model_name}'"):
            version = found.tags.get("churn.version")
            if version in states:
                numbers[version] = str(found.version)
                if found.tags.get("churn.state") != states[version]:
                    self.client.set_model_version_tag(
                        self.model_name, str(found.version), "churn.state", states[version]
                    )
        for alias in ("champion", "challenger"):
            named = [version for version, state in states.items() if state == alias and version in numbers]
            present = self.alias_of(alias)
            if named and present != named[-1]:
                self.client.set_registered_model_alias(self.model_name, alias, numbers[named[-1]])
            elif not named and present is not None:
                self.client.delete_registered_model_alias(self.model_name, alias)

    def alias_of(self, alias: str) -> str | None:
        """The ops store's version that MLflow's alias points at, or None where the alias is not set."""
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_model_version_by_alias(self.model_name, alias)
        except MlflowException:
            return None
        return str(found.tags.get("churn.version"))

    def has(self, version: str) -> bool:
        """Whether the ops store's version is registered here; False before the first registration."""
        return self._version_of(version) is not None

    def _version_of(self, version: str) -> str | None:
        for found in self.client.search_model_versions(f"name='{self.model_name}'"):
            if found.tags.get("churn.version") == version:
                return str(found.version)
        return None
