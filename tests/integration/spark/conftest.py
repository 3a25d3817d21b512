"""A standalone cluster for these tests: a master and two workers, processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import spark_cluster
from tests.integration.tools import require_tool
from tests.spark_cluster import Cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    require_tool("java")
    folder: Path = tmp_path_factory.mktemp("spark")
    with (
        pytest.MonkeyPatch.context() as patch,
        spark_cluster.running(folder / "cluster", workers=2) as running,
    ):
        for name, value in running.environment().items():
            patch.setenv(name, value)
        yield running
