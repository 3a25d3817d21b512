"""A real MLflow registry on SQLite, started once for a module's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_mlops.registry.mlflow_registry import Tracker
from tests import contenders


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """The MLflow of a module."""
    with contenders.mlflow_in(tmp_path_factory.mktemp("mlflow")) as tracker:
        yield tracker


@pytest.fixture
def place(
    running: Tracker,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> contenders.Place:
    """A registered model and artifacts of the test's own."""
    contenders.share(running, monkeypatch)
    params = contenders.params_for(tmp_path, model=request.node.name.replace("/", " "))
    return contenders.Place(running, params)
