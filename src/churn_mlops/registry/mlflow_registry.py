"""Logs runs to MLflow.

MLflow's client takes seconds to import and, on its first use of a database, seconds more to set
the tables up. So it runs in a process of its own (`mlflow_worker`), which does both while the
model is being trained. Whether the server answers at all is asked before, from here, with
``tracking.timeout_seconds`` and without MLflow.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import urlsplit

from churn_mlops.errors import TrackingError
from churn_mlops.params import Tracking

PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
FIX = (
    "start the server or set tracking.uri (MLFLOW_TRACKING_URI); the default is sqlite:///mlflow.db"
)
# Beyond the timeouts of single requests: imports, first-time tables, uploads.
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Run:
    """What is logged about one training.

    Parameters
    ----------
    name : str
        Stage and model, such as ``train_baseline logistic_regression``.
    params, tags : mapping of str to str
    metrics : mapping of str to float
    artifacts : sequence of (path, folder in the run)
        Files or directories; an empty folder is the run's root.
    dataset : mapping of str to str
        ``name``, ``digest`` and ``path`` of the training table.
    """

    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    artifacts: Sequence[tuple[str, str]]
    dataset: Mapping[str, str]


def check_reachable(tracking: Tracking) -> None:
    """Make sure, within ``tracking.timeout_seconds``, that runs can be logged.

    Raises
    ------
    TrackingError
        The server does not answer, the database file cannot be written, or the scheme of the
        URI is unknown.
    """
    parts = urlsplit(tracking.uri)
    scheme = parts.scheme.partition("+")[0]
    if scheme in ("http", "https"):
        _check_http(tracking)
    elif scheme == "sqlite":
        _check_sqlite(tracking.uri)
    elif scheme in PORTS:
        try:
            address = (parts.hostname or "localhost", parts.port or PORTS[scheme])
            socket.create_connection(address, tracking.timeout_seconds).close()
        except (OSError, ValueError) as error:
            raise TrackingError(
                f"no database answers at {_shown(tracking.uri)}: {error}", fix=FIX
            ) from error
    else:
        known = ", ".join(["http", "https", "sqlite", *PORTS])
        raise TrackingError(
            f"tracking.uri {_shown(tracking.uri)} has the scheme '{scheme}'; known are {known}",
            fix=FIX,
        )


def _check_http(tracking: Tracking) -> None:
    url = f"{tracking.uri.rstrip('/')}/health"
    try:
        with urllib.request.urlopen(url, timeout=tracking.timeout_seconds):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        # Something answers; a log-in is MLflow's own business.
        if error.code < 500:
            return
        reason: object = f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
    raise TrackingError(
        f"the MLflow server at {_shown(tracking.uri)} does not answer within"
        f" {tracking.timeout_seconds:g} s: {reason}",
        fix=FIX,
    )


def _check_sqlite(uri: str) -> None:
    path = Path(uri.partition("///")[2].partition("?")[0])
    folder = path.parent
    if not folder.is_dir():
        raise TrackingError(f"tracking.uri {uri}: there is no directory {folder}", fix=FIX)
    writable = os.access(path if path.exists() else folder, os.W_OK)
    if path.is_dir() or not writable or not os.access(folder, os.W_OK):
        raise TrackingError(f"tracking.uri {uri}: {path} cannot be written", fix=FIX)
    if path.exists():
        try:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
                con.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.DatabaseError as error:
            raise TrackingError(
                f"tracking.uri {uri}: {path} is no database: {error}", fix=FIX
            ) from error


def _shown(uri: str) -> str:
    """The URI without its password."""
    parts = urlsplit(uri)
    return uri.replace(f":{parts.password}@", ":***@") if parts.password else uri


class Tracker:
    """One run's way to MLflow: enter before the work, `log` when it is done.

    Parameters
    ----------
    tracking : Tracking

    Raises
    ------
    TrackingError
        On entering, see `check_reachable`; on logging, what MLflow said.
    """

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed on leaving)

    def __enter__(self) -> Self:
        check_reachable(self.tracking)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "churn_mlops.registry.mlflow_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        # Not as arguments: the URI may hold a password, and everybody sees arguments.
        self._send(self.tracking.model_dump_json())
        return self

    def _send(self, line: str) -> None:
        if self._process and self._process.stdin:
            # A process that has ended already is found, with its reason, when the run is logged.
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()

    def log(self, run: Run) -> str:
        """Log the run and return its id."""
        process = self._process
        if process is None:
            raise RuntimeError("the tracker has not been entered")
        try:
            said, _ = process.communicate(json.dumps(asdict(run)), PATIENCE_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise TrackingError(
                f"MLflow at {_shown(self.tracking.uri)} took longer than {PATIENCE_SECONDS:g} s",
                fix=FIX,
            ) from error
        answer = self._answer(said)
        if "run_id" not in answer:
            why = str(answer["error"]).replace(self.tracking.uri, _shown(self.tracking.uri))
            raise TrackingError(
                f"MLflow at {_shown(self.tracking.uri)} did not take the run: {why}",
                fix="see what it says; for an old database: `mlflow db upgrade URI`",
            )
        return str(answer["run_id"])

    def _answer(self, said: str) -> dict[str, Any]:
        lines = said.strip().splitlines()
        if lines and lines[-1].startswith("{"):
            return dict(json.loads(lines[-1]))
        self._errors.seek(0)
        words = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return {"error": words[-1] if words else "its process ended without a word"}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            process.communicate()
        self._errors.close()
