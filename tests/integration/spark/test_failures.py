"""A worker or the driver is killed in the middle of a stage."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from churn_mlops.data import prepare_dataset, validate
from churn_mlops.features import build_features
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.tables.folders import beside, remove
from tests import spark_cluster
from tests.equal_tables import assert_equal, read
from tests.integration.spark.stages import On, at, generate
from tests.integration.tools import require_tool
from tests.spark_cluster import Cluster


@pytest.fixture
def mortal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster of one's own, whose workers may be killed."""
    require_tool("java")
    with spark_cluster.running(tmp_path / "cluster", workers=2) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pa.Table]:
    """A folder whose tables up to the daily ones were made by DuckDB, and the right features."""
    tree = Params().model_dump()
    tree["tables"] = {"format": "parquet"}
    tree["data"]["synthetic"] |= {"users": 300, "days": 90}
    folder = tmp_path_factory.mktemp("prepared")
    params = at(Params.model_validate(tree), folder, On())
    generate(params)
    for stage in (validate, prepare_dataset, build_features):
        stage.run(params)
    contract = features_contract(params)
    right = read(params, contract)
    remove(contract.path(params))
    return folder, right


@pytest.fixture
def params(mortal: Cluster, prepared: tuple[Path, pa.Table], tmp_path: Path) -> Params:
    """A copy of the folder for that cluster; `params.yaml` says so."""
    folder = tmp_path / "work"
    shutil.copytree(prepared[0], folder)
    tree = Params().model_dump()
    tree["tables"] = {"format": "parquet"}
    made = at(Params.model_validate(tree), folder, On("spark", mortal.master_url))
    written = yaml.safe_dump(made.model_dump(mode="json"), sort_keys=False)
    (folder / "params.yaml").write_text(written)
    return made


def test_a_worker_is_killed(
    mortal: Cluster, params: Params, prepared: tuple[Path, pa.Table]
) -> None:
    contract = features_contract(params)
    stage = build(params)
    wait_until_written(contract.path(params))
    os.killpg(mortal.workers[0].pid, signal.SIGKILL)
    assert mortal.workers[0].wait() == -signal.SIGKILL
    assert stage.poll() is None, "it was killed in the middle"
    assert stage.wait(300) == 0
    assert_equal(prepared[1], read(params, contract), contract.name)
    left = [path.name for path in contract.path(params).rglob(".*")]
    assert not left, "what the lost worker had begun is gone"


def test_the_driver_is_killed(params: Params, prepared: tuple[Path, pa.Table]) -> None:
    contract = features_contract(params)
    driver = build(params)
    wait_until_written(contract.path(params))
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not contract.path(params).exists(), "nothing half-written under the table's name"
    assert build(params).wait(300) == 0
    assert not beside(contract.path(params)).exists()
    assert_equal(prepared[1], read(params, contract), contract.name)


def build(params: Params) -> subprocess.Popen[bytes]:
    """Start the stage as a user does."""
    folder = Path(params.paths.data).parent
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("churn")), "build-features"],
        cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_until_written(table: Path) -> None:
    """Until a worker has begun to write a file of the table."""
    for _ in range(6_000):
        if any(beside(table).rglob(".*part*")) or any(beside(table).rglob("part*")):
            return
        time.sleep(0.02)
    raise AssertionError("no worker has written anything")
