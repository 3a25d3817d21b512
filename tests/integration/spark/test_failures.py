"""A worker or the driver is killed in the middle of a stage; S3 fails under the workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from churn_mlops.data import prepare_dataset, validate
from churn_mlops.features import build_features
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.tables.folders import beside
from tests import spark_cluster
from tests.equal_tables import assert_equal, read
from tests.integration.spark.stages import On, at, generate, on_cluster
from tests.integration.tools import require_tool
from tests.spark_cluster import Cluster

pytestmark = pytest.mark.slow


@pytest.fixture
def mortal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster of one's own, whose workers may be killed."""
    require_tool("java")
    with spark_cluster.running(tmp_path / "cluster", workers=2) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def prepared(tmp_path: Path) -> Params:
    """A folder whose tables up to the daily ones were made by DuckDB."""
    tree = Params().model_dump()
    tree["tables"] = {"format": "parquet"}
    tree["data"]["synthetic"] |= {"users": 300, "days": 90}
    params = at(Params.model_validate(tree), tmp_path / "work", On())
    generate(params)
    validate.run(params)
    prepare_dataset.run(params)
    return params


def test_a_worker_is_killed(mortal: Cluster, prepared: Params) -> None:
    build_features.run(prepared)
    contract = features_contract(prepared)
    right = read(prepared, contract)
    params = at(prepared, Path(prepared.paths.data).parent, on_cluster(mortal))
    killed: list[int] = []

    def kill() -> None:
        wait_until_written(contract.path(params))
        os.killpg(mortal.workers[0].pid, signal.SIGKILL)
        killed.append(mortal.workers[0].wait())

    killer = threading.Thread(target=kill)
    killer.start()
    build_features.run(params)
    killer.join(60)
    assert killed == [-signal.SIGKILL]
    assert_equal(right, read(params, contract), contract.name)
    left = [path.name for path in contract.path(params).rglob(".*")]
    assert not left, "what the lost worker had begun is gone"


def test_the_driver_is_killed(mortal: Cluster, prepared: Params) -> None:
    contract = features_contract(prepared)
    folder = Path(prepared.paths.data).parent
    params = at(prepared, folder, on_cluster(mortal))
    (folder / "params.yaml").write_text(
        yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False)
    )
    driver = subprocess.Popen(
        [str(Path(sys.executable).with_name("churn")), "build-features"],
        cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until_written(contract.path(params))
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not contract.path(params).exists(), "nothing half-written under the table's name"
    build_features.run(params)
    again = read(params, contract)
    assert not beside(contract.path(params)).exists()
    build_features.run(prepared)
    assert_equal(read(prepared, contract), again, contract.name)


def wait_until_written(table: Path) -> None:
    """Until a worker has begun to write a file of the table."""
    for _ in range(6_000):
        if any(beside(table).rglob(".*part*")) or any(beside(table).rglob("part*")):
            return
        time.sleep(0.02)
    raise AssertionError("no worker has written anything")
