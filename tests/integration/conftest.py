"""What several integration tests start together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import lineages, mlflow_server


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lineages.Origin]:
    """A workspace in git with trained and registered models; tests copy it."""
    folder = tmp_path_factory.mktemp("origin")
    (folder / "mlflow").mkdir()
    with mlflow_server.running(folder / "mlflow") as (uri, _):
        yield lineages.make(folder / "work", uri)
