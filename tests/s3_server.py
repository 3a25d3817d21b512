"""A real object store that speaks S3, on loopback, for the tests that need one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError

from tests import mlflow_server
from tests.mlflow_server import free_port

KEY, SECRET = "churn-tests", "churn-tests-secret"
BUCKET = "churn"


@dataclass
class S3:
    """The store: where it answers, and its process."""

    endpoint: str
    process: subprocess.Popen[bytes]

    def filesystem(self) -> Any:
        """Its objects through fsspec."""
        import s3fs

        return s3fs.S3FileSystem(
            key=KEY, secret=SECRET, endpoint_url=self.endpoint, use_listings_cache=False
        )


def environment(endpoint: str) -> dict[str, str]:
    """What the chain of AWS finds a store by."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@contextmanager
def running(folder: Path) -> Iterator[S3]:
    """SeaweedFS with its data in a folder and one empty bucket."""
    weed = str(Path(sys.executable).with_name("weed"))
    folder.mkdir(parents=True, exist_ok=True)
    allowed = ["Admin", "Read", "Write", "List", "Tagging"]
    keys = [{"accessKey": KEY, "secretKey": SECRET}]
    identity = {"name": "tests", "credentials": keys, "actions": allowed}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    parts = ("master", "volume", "filer", "s3")
    ports = {f"-{part}.port{kind}": free_port() for part in parts for kind in ("", ".grpc")}
    command = [weed, "-alsologtostderr=false", f"-logdir={folder}", "server", "-s3"]
    command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}"]
    command += ["-volume.max=20", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"]
    command += [f"-s3.config={folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += [f"{name}={port}" for name, port in ports.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    store = S3(f"http://127.0.0.1:{ports['-s3.port']}", process)
    try:
        _wait(store, folder / "log")
        yield store
    finally:
        stop(store)


def stop(store: S3) -> None:
    """End it."""
    mlflow_server.stop(store.process, signal.SIGKILL)


def _wait(store: S3, log: Path) -> None:
    for _ in range(240):
        assert store.process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{store.endpoint}/healthz", timeout=1):
                break
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    for _ in range(240):
        assert store.process.poll() is None, log.read_text()
        try:
            store.filesystem().mkdir(BUCKET)
            return
        except (OSError, BotoCoreError):  # its parts come up one after the other
            time.sleep(0.25)
    raise AssertionError(log.read_text())
