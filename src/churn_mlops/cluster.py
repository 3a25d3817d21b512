"""Opens Spark: on this machine, a standalone cluster, Kubernetes or Spark Connect."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from churn_mlops.errors import EngineError, cause
from churn_mlops.params import Params

JAVA = 17
ANSWER_SECONDS = 5.0
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
PACKAGE = Path(__file__).resolve().parent
_ADDRESS = re.compile(r"^(?:spark|sc|k8s)://(?:https?://)?(.+?)/?(?:;.*)?$")
_PORTS = {"spark": 7077, "sc": 15002, "k8s": 443}


# Spark has one session in a process: who opens it within another's use shares it.
_OPEN: dict[str, Any] = {}


@contextlib.contextmanager
def session(params: Params) -> Iterator[Any]:
    """Open a Spark session that has run a first task, and stop it after use.

    Within the use of a session on the same master, that one is given.

    Raises
    ------
    EngineError
        PySpark or Java is missing, nobody answers at ``spark.master``, or no worker took a task
        within ``spark.start_seconds``. Nothing has been read or written by then.
    """
    if params.spark.master in _OPEN:
        yield _OPEN[params.spark.master]
        return
    _require_tools(params.spark.master)
    _require_answer(params.spark.master)
    try:
        opened = _started(params)
    except Exception as error:  # Java's, Python's and the network's
        raise EngineError(
            f"Spark does not start on {params.spark.master}: {cause(error)}",
            fix="check spark.master and spark.conf; the log above tells more",
        ) from error
    try:
        _require_workers(opened, params)
        with tempfile.TemporaryDirectory(prefix="churn-package-") as folder:
            opened.addArtifact(str(_zipped(Path(folder))), pyfile=True)
            _OPEN[params.spark.master] = opened
            yield opened
    finally:
        _OPEN.pop(params.spark.master, None)
        opened.stop()


def _require_tools(master: str) -> None:
    # It speaks of parts of PySpark that exchange pandas' tables; here they are Arrow's.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    try:
        import pyspark  # noqa: F401
    except ImportError as error:
        raise EngineError(
            "engine: spark needs PySpark", fix="pip install 'churn-mlops[spark]'"
        ) from error
    if master.startswith("sc://"):
        return
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        where = f"JAVA_HOME ({home})" if home else "the PATH"
        raise EngineError(
            f"engine: spark needs Java, and there is none in {where}",
            fix=f"install a Java runtime, {JAVA} or newer, or use Spark Connect (sc://HOST:PORT)",
        )
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    if version is None or int(version[1]) < JAVA:
        raise EngineError(
            f"engine: spark needs Java {JAVA} or newer; {java} says:"
            f" {(answer.stderr + answer.stdout).strip().splitlines()[:1]}",
            fix="install it and point JAVA_HOME to it",
        )


def addresses(master: str) -> list[tuple[str, int]]:
    """Hosts and ports of a master; none of one that runs in this process."""
    match = _ADDRESS.match(master)
    if match is None:
        return []
    port = _PORTS[master.partition("://")[0]]
    found = []
    for address in match[1].split(","):
        host, _, own = address.rpartition(":")
        known = host and own.isdigit()
        found.append((host.strip("[]"), int(own)) if known else (address.strip("[]"), port))
    return found


def _require_answer(master: str) -> None:
    """Any of several masters will do: the others stand by."""
    asked = addresses(master)
    reasons = []
    for host, port in asked:
        try:
            socket.create_connection((host, port), ANSWER_SECONDS).close()
            return
        except OSError as error:
            reasons.append(f"{host}:{port}: {error}")
    if asked:
        raise EngineError(
            f"no Spark answers at spark.master = {master} ({'; '.join(reasons)})",
            fix="start it, or correct spark.master",
        )


def _started(params: Params) -> Any:
    from pyspark.sql import SparkSession

    master, given = params.spark.master, params.spark.conf
    remote = master.startswith("sc://")
    here = master.startswith("local") or any(host in LOOPBACK for host, _ in addresses(master))
    if here and not remote:
        # The workers' Python must have what this one has.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    conf = {
        "spark.app.name": "churn-mlops",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
        # Two hundred tasks for a table of a megabyte would be two hundred starts.
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
        "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true",
    }
    if not remote:
        conf |= {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    if here and not remote:
        conf |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    builder = SparkSession.builder
    builder = builder.remote(master) if remote else builder.master(master)
    for name, value in (conf | given).items():
        builder = builder.config(name, value)
    opened = builder.getOrCreate()
    if not remote:
        opened.sparkContext.setLogLevel(given.get("spark.log.level", "ERROR"))
    return opened


def _require_workers(opened: Any, params: Params) -> None:
    """Run one task: a master without free workers would let every job wait for ever."""
    done: list[Any] = []

    def first() -> None:
        try:
            done.append(opened.range(1, numPartitions=1).count())
        except Exception as error:  # told below, in the thread that waits
            done.append(error)

    thread = threading.Thread(target=first, daemon=True)
    thread.start()
    thread.join(params.spark.start_seconds)
    if done == [1]:
        return
    why = cause(done[0]) if done else f"none took a first task in {params.spark.start_seconds:g} s"
    raise EngineError(
        f"Spark at {params.spark.master} has no worker for this: {why}",
        fix="start workers, free some, or ask for less in spark.conf (spark.executor.memory,"
        " spark.executor.cores)",
    )


def _zipped(folder: Path) -> Path:
    """This package as a zip: workers run the very code that the driver runs."""
    place = folder / "churn_mlops.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(PACKAGE.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, file.relative_to(PACKAGE.parent))
    return place


@contextlib.contextmanager
def explained(params: Params) -> Iterator[None]:
    """Turn Spark's errors into ours.

    Raises
    ------
    EngineError
        A job failed after all of Spark's own tries.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise EngineError(
            f"Spark on {params.spark.master} gave up: {cause(error)}",
            fix="see the workers' logs; nothing was half-written, the stage can be run again",
        ) from error
