"""A real standalone Spark cluster on loopback: a master and workers, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyspark

from tests import mlflow_server
from tests.mlflow_server import free_port

STANDALONE = "org.apache.spark.deploy"
LOOPBACK = "127.0.0.1"


@dataclass
class Cluster:
    """Where the master answers, and the processes; executors are children of the workers."""

    master_url: str
    page: str
    master: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def processes(self) -> list[subprocess.Popen[bytes]]:
        """All that were started."""
        return [self.master, *self.workers]

    def state(self) -> dict[str, Any]:
        """What the master says of its workers and applications."""
        with urllib.request.urlopen(self.page, timeout=2) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    @staticmethod
    def environment() -> dict[str, str]:
        """What a driver on this machine needs: loopback, and this Python for Python workers."""
        return {"SPARK_LOCAL_IP": LOOPBACK, "PYSPARK_PYTHON": sys.executable}


@contextmanager
def running(
    folder: Path, workers: int = 2, memory: str = "1g", cores: int = 1
) -> Iterator[Cluster]:
    """A master and workers of so much memory and so many cores each, their files in a folder.

    They have registered when this yields; what was started here is ended with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, page = free_port(), free_port()
    address = ["--host", LOOPBACK, "--port", str(port), "--webui-port", str(page)]
    url = f"spark://{LOOPBACK}:{port}"
    cluster = Cluster(
        url, f"http://{LOOPBACK}:{page}/json/", _start(folder, "master", "master.Master", *address)
    )
    try:
        _wait(cluster, folder, 0)
        for number in range(workers):
            offered = ["--host", LOOPBACK, "--webui-port", "0", "--cores", str(cores)]
            offered += ["--memory", memory, url]
            name = f"worker-{number}"
            cluster.workers.append(_start(folder, name, "worker.Worker", *offered))
        _wait(cluster, folder, workers)
        yield cluster
    finally:
        for process in reversed(cluster.processes):
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End one process with its executors, at once: nothing of them is wanted afterwards."""
    mlflow_server.stop(process, signal.SIGKILL)


def _start(folder: Path, name: str, role: str, *options: str) -> subprocess.Popen[bytes]:
    """One process with a session, a log and a folder of its own."""
    home = Path(pyspark.__file__).parent
    own = folder / name
    own.mkdir()
    environment = os.environ | {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_LOCAL_DIRS": str(own / "local"),
        "SPARK_WORKER_DIR": str(own / "work"),
        "SPARK_DAEMON_MEMORY": "512m",
    }
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [str(home / "bin" / "spark-class"), f"{STANDALONE}.{role}", *options],
            cwd=own,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait(cluster: Cluster, folder: Path, workers: int) -> None:
    """Until the master answers and so many workers have registered."""
    for _ in range(480):
        for process in cluster.processes:
            assert process.poll() is None, _logs(folder)
        if _registered(cluster) >= workers:
            return
        time.sleep(0.25)
    raise AssertionError(_logs(folder))


def _registered(cluster: Cluster) -> int:
    """How many workers the master counts; -1 while it does not answer."""
    try:
        return int(cluster.state()["aliveworkers"])
    except (urllib.error.URLError, OSError):
        return -1


def _logs(folder: Path) -> str:
    return "\n".join(log.read_text()[-4000:] for log in sorted(folder.glob("*.log")))
