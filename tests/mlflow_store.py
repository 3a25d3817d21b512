"""MLflow's real client and stores on SQLite within the tests' process: no server and no worker."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.params import Tracking
from churn_mlops.registry import mlflow_registry
from churn_mlops.registry.mlflow_calls import Connection
from churn_mlops.registry.mlflow_process import result_of
from churn_mlops.registry.mlflow_registry import Tracker
from churn_mlops.registry.mlflow_worker import connect, respond


class Store:
    """A registry and runs in a folder.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self._links: dict[str, Connection] = {}

    def link(self, experiment: str) -> Connection:
        """A connection whose runs go to an experiment, which is made."""
        if experiment not in self._links:
            if self._links:
                client = next(iter(self._links.values())).client
                made = Connection(client, self.uri, client.create_experiment(experiment))
            else:
                with at_home(self.folder):
                    made = connect(Tracking(uri=self.uri, experiment=experiment))
            self._links[experiment] = made
        return self._links[experiment]

    def tracker(self, experiment: str) -> Tracker:
        """An entered tracker of an experiment; only while `is_used`."""
        return Tracker(Tracking(uri=self.uri, experiment=experiment)).__enter__()

    @contextmanager
    def is_used(self) -> Iterator[None]:
        """Let all trackers of this store ask it in this process, where a worker costs seconds."""

        def choose(tracking: Tracking) -> Any:
            return _Here(self, tracking) if tracking.uri == self.uri else started(tracking)

        started = mlflow_registry.Process
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mlflow_registry, "Process", choose)
            patch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
            yield


class _Here:
    """In the place of `mlflow_process.Process`: the same requests and answers, without a pipe."""

    def __init__(self, store: Store, tracking: Tracking) -> None:
        self._uri = store.uri
        self._link = store.link(tracking.experiment)

    def ask(self, call: str, words: str, **given: Any) -> Any:
        answer = respond(self._link, json.dumps({"call": call, "with": given}))
        return result_of(json.loads(json.dumps(answer)), self._uri, words)

    def end(self) -> None:
        pass


@contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """In a folder, below which MLflow puts the artifacts of a new SQLite store.

    The variables that `connect` sets for a process of its own are taken back.
    """
    variables = set(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_REGISTRY_URI", raising=False)
        patch.chdir(folder)
        yield
    for name in set(os.environ) - variables:
        del os.environ[name]


def name_of(test: str) -> str:
    """A name for the model and the experiment of a test, made of its node id."""
    return re.sub(r"[^A-Za-z0-9_]+", " ", test).strip()[-200:]
