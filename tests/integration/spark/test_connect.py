"""Stages through Spark Connect: a client without Java, a server of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark
import yaml

from churn_mlops.data import prepare_dataset, validate
from churn_mlops.features import build_features
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from tests import mlflow_server
from tests.equal_tables import assert_equal, read
from tests.integration.spark.stages import On, at, generate, same_raw
from tests.integration.tools import require_tool
from tests.mlflow_server import free_port
from tests.spark_cluster import Cluster

SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A Spark Connect server on loopback; yields its master."""
    require_tool("java")
    folder.mkdir()
    port, home = free_port(), Path(pyspark.__file__).parent
    conf = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "4",
    }
    command = [str(home / "bin/spark-submit"), "--class", SERVER, "--master", "local[2]"]
    command += [word for pair in conf.items() for word in ("--conf", "=".join(pair))]
    environment = os.environ | Cluster.environment() | {"SPARK_HOME": str(home)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "spark-internal"], cwd=folder, env=environment,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        for _ in range(240):
            assert process.poll() is None, (folder / "log").read_text()
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.25)
        yield f"sc://127.0.0.1:{port}"
    finally:
        mlflow_server.stop(process, signal.SIGKILL)


def test_a_stage_by_connect(tmp_path: Path) -> None:
    tree = Params().model_dump()
    tree["tables"] = {"format": "parquet"}
    tree["data"]["synthetic"] |= {"users": 60, "days": 45}
    params = Params.model_validate(tree)
    ours = at(params, tmp_path / "a", On())
    generate(ours)
    for stage in (validate, prepare_dataset, build_features):
        stage.run(ours)
    with server(tmp_path / "server") as master:
        theirs = at(params, tmp_path / "b", On("spark", master))
        same_raw(ours, theirs)
        written = theirs.model_dump(mode="json")
        # What the server was started with counts.
        written["spark"]["conf"] = {}
        (tmp_path / "b" / "params.yaml").write_text(yaml.safe_dump(written, sort_keys=False))
        for stage in ("validate-data", "prepare-data", "build-features"):
            churn(stage, tmp_path / "b")
    contract = features_contract(ours)
    assert_equal(read(ours, contract), read(theirs, contract), contract.name)


def churn(stage: str, folder: Path) -> None:
    """Run a stage as a user does, without Java in reach: a client needs none."""
    command = [str(Path(sys.executable).with_name("churn")), stage]
    environment = os.environ | {"PATH": str(Path(sys.executable).parent), "JAVA_HOME": "/none"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
