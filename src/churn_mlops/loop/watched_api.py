"""The API of a time lapse: a real server, asked every day and all through every promotion."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from churn_mlops.errors import SourceError

DAILY_REQUESTS = 5
PAUSE_SECONDS = 0.05
SWAP_SECONDS = 30.0
STOP_SECONDS = 30.0


@dataclass
class Answers:
    """What came of some requests; threads add to it one at a time.

    Parameters
    ----------
    requests, failed : int
        Failed is every request without a 200: refused, broken off, or too late.
    version : str or None
        Of the model that answered last.
    """

    requests: int = 0
    failed: int = 0
    version: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, version: str | None) -> None:
        """Count a request; without a version it failed."""
        with self._lock:
            self.requests += 1
            self.failed += version is None
            self.version = version or self.version

    def as_json(self) -> dict[str, Any]:
        """As the diary holds it."""
        return {"requests": self.requests, "failed": self.failed, "version": self.version}


class WatchedApi:
    """Asks a running API and counts.

    Parameters
    ----------
    address : str
        Such as ``http://127.0.0.1:40001``.
    rows : list of mapping
        Features of the users that are asked about, in turns.
    """

    def __init__(self, address: str, rows: list[Mapping[str, Any]]) -> None:
        self._http = httpx.Client(base_url=address, timeout=10.0)
        self._rows = rows
        self._asked = 0
        self.answers = Answers()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def new_day(self) -> None:
        """Begin to count anew."""
        self.answers = Answers(version=self.answers.version)

    def ask(self, times: int = 1) -> None:
        """Ask for so many predictions, one after the other; nothing is tried twice."""
        for _ in range(times):
            self._asked += 1
            features = self._rows[self._asked % len(self._rows)]
            body = {"user_id": self._asked, "features": features}
            try:
                answer = self._http.post("/predict", json=body)
                good = answer.status_code == 200
                self.answers.add(str(answer.json()["model_version"]) if good else None)
            except (httpx.HTTPError, ValueError, KeyError):
                self.answers.add(None)

    @contextmanager
    def all_along(self) -> Iterator[None]:
        """Go on asking while something else is done."""
        done = threading.Event()

        def go_on() -> None:
            while not done.wait(PAUSE_SECONDS):
                self.ask()

        asking = threading.Thread(target=go_on, name="asks-the-api", daemon=True)
        asking.start()
        try:
            yield
        finally:
            done.set()
            asking.join()

    def until(self, version: str) -> bool:
        """Ask until a model answers, at most `SWAP_SECONDS`; whether it did."""
        waited, pause = 0.0, threading.Event()
        self.ask()
        while self.answers.version != version and waited < SWAP_SECONDS:
            pause.wait(PAUSE_SECONDS)
            waited += PAUSE_SECONDS
            self.ask()
        return self.answers.version == version


@contextmanager
def serving(folder: Path, rows: list[Mapping[str, Any]]) -> Iterator[WatchedApi]:
    """Start `churn serve` in a folder on a free port, and stop it at the end.

    Raises
    ------
    SourceError
        It does not start; its own words are in serve.log.
    """
    log = folder / "serve.log"
    command = [sys.executable, "-c", "from churn_mlops.cli import main; main()"]
    command += ["serve", "--port", "0", "--json"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CHURN_WORKSPACE")}
    with log.open("a", encoding="utf-8") as words:
        process = subprocess.Popen(  # noqa: S603 (nothing of it comes from outside)
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=words, text=True
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SourceError(
                f"the API did not start: {log.read_text(encoding='utf-8')[-1000:]}",
                fix="go on without it: --no-serve",
            )
        api = WatchedApi(json.loads(line)["address"], rows)
        try:
            yield api
        finally:
            api.close()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
