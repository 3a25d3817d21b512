"""A Docker socket, as podman gives it, and the pipeline run over it as a user runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.images.cluster import HERE
from tests.pipelines.programs import FOLDER

PATIENCE_SECONDS = 900


@contextmanager
def socket() -> Iterator[str]:
    """Its address; containers are those of the user who runs the tests."""
    # Names of sockets are short: pytest's folders are not.
    with tempfile.TemporaryDirectory(prefix="churn-socket-") as folder:
        address = f"unix://{folder}/engine"
        process = subprocess.Popen(
            ["podman", "system", "service", "--time=0", address],
            env=os.environ | {"CONTAINERS_CONF": str(HERE / "containers.conf")},
        )
        try:
            for _ in range(100):
                if Path(folder, "engine").exists():
                    break
                assert process.poll() is None, "podman gives no socket"
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            process.wait(30)


@dataclass
class Ran:
    """A run of the pipeline.

    Parameters
    ----------
    code : int
        Of the program.
    log : str
        Without colours.
    folder : Path
        Where its artifacts are.
    seconds : float
    """

    code: int
    log: str
    folder: Path
    seconds: float

    @property
    def ended(self) -> dict[str, str]:
        """How each step ended that was not taken from the cache; of several tries the last."""
        return dict(re.findall(r"Task '([\w-]+)' finished with status (\w+)", self.log))

    def artifact(self, step: str, name: str) -> Path:
        return self.folder / step / name


class Kubeflow:
    """Runs the pipeline on this machine.

    Parameters
    ----------
    address : str
        Of the Docker socket.
    root : Path
        For artifacts.
    tracking : str
        The MLflow server.
    webhook : str
        Who is told of the end.
    """

    def __init__(self, address: str, root: Path, tracking: str, webhook: str) -> None:
        self._root, self._tracking = root, tracking
        own = {"DOCKER_HOST": address, "CHURN__MONITORING__ALERT__WEBHOOK": webhook}
        self._environment = os.environ | own | {"PYTHONWARNINGS": "ignore"}

    def run(self, *settings: str) -> Ran:
        """Run it with parameters of the form NAME=VALUE."""
        before = set(self._root.glob("*"))
        program = [sys.executable, str(FOLDER / "run_local.py"), "--root", str(self._root)]
        program += ["--tracking-uri", self._tracking]
        started = time.monotonic()
        done = subprocess.run(
            [*program, *(part for one in settings for part in ("--set", one))],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        seconds = time.monotonic() - started
        made = {path for path in self._root.glob("churn-pipeline-*") if path not in before}
        (folder,) = made or {self._root / "nothing was made"}
        log = re.sub(r"\x1b\[\d+m", "", done.stdout + done.stderr)
        return Ran(done.returncode, log, folder, seconds)
