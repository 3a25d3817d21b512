"""The standalone cluster that other tests use: it works with several workers and leaves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import spark_cluster
from tests.integration.tools import require_tool
from tests.monitoring_servers import until

# A task's parent is the Python daemon of its executor, whose parent is the executor.
DRIVER = """
import json, os, sys, time
from pyspark.sql import SparkSession

def executor(_):
    time.sleep(1)
    daemon = os.getppid()
    return int(open(f"/proc/{daemon}/stat").read().rsplit(")", 1)[1].split()[1])

spark = (
    SparkSession.builder.master(sys.argv[1])
    .config("spark.executor.memory", "600m")
    .config("spark.scheduler.minRegisteredResourcesRatio", "1")
    .getOrCreate()
)
print(json.dumps(spark.sparkContext.parallelize(range(4), 4).map(executor).collect()), flush=True)
time.sleep(600)
"""


def is_java(pid: int) -> bool:
    """Whether a process runs a program of Java; one that has ended has no command line."""
    line = Path(f"/proc/{pid}/cmdline")
    return line.exists() and b"java" in line.read_bytes()


def test_a_job_runs_on_every_worker_and_executors_end_with_the_cluster(tmp_path: Path) -> None:
    require_tool("java")
    with spark_cluster.running(tmp_path / "cluster", workers=2) as cluster:
        assert cluster.state()["cores"] == 2
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, cluster.master_url],
            env=os.environ | cluster.environment(),
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert driver.stdout
        executors = set(json.loads(driver.stdout.readline()))
        assert len(executors) == 2
        assert all(is_java(pid) for pid in executors)
    try:
        assert driver.poll() is None
        until(lambda: not any(is_java(pid) for pid in executors), "the executors have ended")
    finally:
        driver.stdout.close()
        spark_cluster.stop(driver)


def test_a_worker_that_is_lost_is_noticed(tmp_path: Path) -> None:
    require_tool("java")
    with spark_cluster.running(tmp_path / "cluster", workers=1) as cluster:
        spark_cluster.stop(cluster.workers[0])
        until(lambda: cluster.state()["aliveworkers"] == 0, "the master knows of the loss")
        assert cluster.master.poll() is None


def test_what_does_not_start_says_why(tmp_path: Path) -> None:
    require_tool("java")
    with (
        pytest.raises(AssertionError, match="memory"),
        spark_cluster.running(tmp_path / "cluster", workers=1, memory="nonsense"),
    ):
        pytest.fail("a worker without memory was taken for one that runs")
