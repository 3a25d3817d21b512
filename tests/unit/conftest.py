"""One MLflow for the unit tests of a process; each test has a model and runs of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.contenders import Place
    from tests.mlflow_store import Store


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """MLflow on an SQLite file; its tables are set up once."""
    from tests.mlflow_store import Store

    return Store(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def place(mlflow_store: Store, workspace: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A registered model and artifacts of the test's own, in a working directory of its own."""
    from tests import contenders
    from tests.mlflow_store import name_of

    name = name_of(request.node.nodeid)
    # As few draws as may be: the models differ in worth beyond doubt.
    few = {"resamples": 100}
    with mlflow_store.is_used():
        yield contenders.place_in(workspace, mlflow_store, name, promotion=few)
