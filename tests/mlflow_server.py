"""A real MLflow server on loopback, for the tests that need one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from churn_mlops.registry.bundle import load_bundle
from churn_mlops.registry.champion import DIGEST
from churn_mlops.registry.mlflow_registry import Run, Tracker


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    folder: Path, port: int | None = None, *options: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server with its database and artifacts in a folder; gives its URI and process."""
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    command += list(options) or ["--serve-artifacts"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    if not options:
        command += ["--artifacts-destination", str(folder / "artifacts")]
    # Its job runner, which k8s/mlflow leaves out too, starts seven more processes.
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    uri = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{uri}/health", process, folder / "log")
        yield uri, process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> None:
    """End it; it has a session of its own, so that its workers end with it."""
    if process.poll() is None:
        os.killpg(process.pid, how)
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(log.read_text())


def register(tracker: Tracker, model: str, folder: Path) -> int:
    """Log a bundle's folder as a run and make it a version; its number."""
    digest = load_bundle(folder).digest
    tags = {DIGEST: digest, "stage": "train_candidate"}
    dataset = {"name": "t", "digest": "0", "path": "t.csv"}
    run_id = tracker.log(Run("a bundle", {}, {}, tags, [(str(folder), "model")], dataset))
    return tracker.register(model, run_id, "model", tags)
