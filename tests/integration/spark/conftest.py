"""A standalone cluster for these tests: a master and two workers, processes of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import s3fs

from churn_mlops import cluster as spark
from churn_mlops.params import Params
from tests import s3_faults, s3_server, spark_cluster
from tests.integration.spark.stages import On, at
from tests.integration.tools import require_tool
from tests.s3_faults import Faults

TRIES = {"AWS_MAX_ATTEMPTS": "3"}


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    """A proxy before an object store; the cluster's workers have its keys."""
    with (
        s3_server.running(tmp_path_factory.mktemp("s3")) as behind,
        s3_faults.before(behind.endpoint) as proxy,
    ):
        yield proxy


@pytest.fixture
def faults(store: Faults, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """The store as the driver's chain of AWS finds it, too."""
    for name, value in (s3_server.environment(store.endpoint) | TRIES).items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    yield store
    store.failing = store.stalling = 0


@pytest.fixture(scope="package")
def cluster(store: Faults, tmp_path_factory: pytest.TempPathFactory) -> Iterator[On]:
    """Where stages run on Spark. One session serves all these tests: a cold one takes its time."""
    require_tool("java")
    folder = tmp_path_factory.mktemp("spark")
    with (
        pytest.MonkeyPatch.context() as patch,
        spark_cluster.running(folder / "cluster", workers=2) as running,
    ):
        for name, value in running.environment().items():
            patch.setenv(name, value)
        keys = s3_server.environment(store.endpoint) | TRIES
        on = On("spark", running.master_url, environment=keys)
        with spark.session(at(Params(), folder, on)):
            yield on
