"""`churn serve` as users start it, on a free port of this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import yaml

from churn_mlops.params import Params

COMMAND = (sys.executable, "-c", "from churn_mlops.cli import main; main()", "serve")
PATIENCE_SECONDS = 30


@dataclass
class Server:
    """A running server.

    Parameters
    ----------
    address : str
        Such as http://127.0.0.1:40000.
    metrics_address : str or None
    process : Popen
    errors : file
        What it has written to stderr.
    """

    address: str
    metrics_address: str | None
    process: subprocess.Popen[str]
    errors: IO[str]

    def get(self, path: str, **given: Any) -> httpx.Response:
        """GET a path."""
        return httpx.get(f"{self.address}{path}", timeout=30, **given)

    def post(self, path: str, body: Any, **given: Any) -> httpx.Response:
        """POST a JSON body."""
        return httpx.post(f"{self.address}{path}", json=body, timeout=30, **given)

    def text(self) -> str:
        """All that it has written to stderr so far."""
        self.errors.seek(0)
        return self.errors.read()

    def log(self) -> list[dict[str, Any]]:
        """The lines of its log so far."""
        return [json.loads(line) for line in self.text().splitlines()]

    def workers(self) -> list[int]:
        """The pids of its worker processes."""
        found = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        children = [int(pid) for file in found for pid in file.read_text().split()]
        return [pid for pid in children if "spawn_main" in _command(pid)]

    def until(self, holds: Any) -> Any:
        """Wait until a function gives something true; what it gave."""
        for _ in range(PATIENCE_SECONDS * 20):
            if found := holds():
                return found
            time.sleep(0.05)
        raise AssertionError(f"never came true\n{self.text()[-4000:]}")

    def end(self, how: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def served(
    params: Params,
    *options: str,
    environment: Mapping[str, str] | None = None,
    before: tuple[str, ...] = (),
    ready: bool = True,
) -> Iterator[Server]:
    """Start `churn serve` with parameters.

    Parameters
    ----------
    params : Params
        Its port is not used.
    options : str
        Of the command.
    environment : mapping, optional
        Added to this process's own.
    before : tuple of str
        What the command is started by, such as ``("faketime", "+1h")``.
    ready : bool
        Wait until all workers have a model.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("a+") as errors:
        given = params.model_dump(mode="json")
        given["serving"]["api_keys"] = [key.get_secret_value() for key in params.serving.api_keys]
        (Path(folder) / "params.yaml").write_text(yaml.safe_dump(given))
        process = subprocess.Popen(
            [*before, *COMMAND, "--json", "--port", "0", *options],
            cwd=folder,
            env=os.environ | dict(environment or {}),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                errors.seek(0)
                raise AssertionError(errors.read())
            told = json.loads(line)
            server = Server(told["address"], told["metrics_address"], process, errors)
            if ready:
                server.until(lambda: _ready(server, params.serving.workers))
            yield server
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE_SECONDS)
            process.stdout.close()


def _ready(server: Server, workers: int) -> bool:
    try:
        # One answer tells of one worker only.
        return (
            server.text().count('"a model serves"') >= workers
            and server.get("/ready").status_code == 200
        )
    except httpx.TransportError:
        return False


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
