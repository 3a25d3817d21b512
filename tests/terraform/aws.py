"""A server on loopback that answers like AWS, for Terraform to build in."""

from __future__ import annotations

import os
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

from tests.mlflow_server import free_port, stop

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
# As the provider calls them.
SERVICES = (
    "cloudwatchlogs",
    "ec2",
    "ecr",
    "eks",
    "iam",
    "kms",
    "rds",
    "s3",
    "secretsmanager",
    "sts",
)


@dataclass(frozen=True)
class Aws:
    """Where it answers."""

    endpoint: str

    def client(self, service: str, region: str) -> Any:
        import boto3

        return boto3.client(service, region_name=region, endpoint_url=self.endpoint, **KEYS)

    def override(self) -> str:
        """What the provider needs to build here: beside the configuration, in no release."""
        endpoints = "\n".join(f'    {name} = "{self.endpoint}"' for name in SERVICES)
        return f"""
provider "aws" {{
  access_key              = "testing"
  secret_key              = "testing"
  s3_use_path_style       = true
  skip_metadata_api_check = true
  endpoints {{
{endpoints}
  }}
}}
"""


@contextmanager
def running(log: Path) -> Iterator[Aws]:
    """An account with nothing in it."""
    port = free_port()
    command = [sys.executable, "-m", "tests.terraform.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            # Policies that AWS has for everybody.
            env=os.environ | {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, log)
        yield Aws(url)
    finally:
        stop(process, signal.SIGKILL)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise AssertionError(log.read_text())
