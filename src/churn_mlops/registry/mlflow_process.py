"""The parent's side of `mlflow_worker`: starts it, asks it, waits so long and no longer."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import IO, Any

from churn_mlops.errors import TrackingError
from churn_mlops.params import Tracking
from churn_mlops.registry.reachable import FIX, without_password

# For one call, beyond the timeouts of single requests: imports, first-time tables, uploads.
PATIENCE_SECONDS = 300.0
# For the end. SQLite keeps every statement of the setting up by itself: a worker that is killed
# meanwhile leaves a database that MLflow never accepts again ("table ... already exists").
GRACE_SECONDS = 30.0


class Process:
    """A running `mlflow_worker`.

    Parameters
    ----------
    tracking : Tracking
    """

    def __init__(self, tracking: Tracking) -> None:
        self._uri = tracking.uri
        self._too_long = False
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed at the end)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "churn_mlops.registry.mlflow_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        # Not as arguments: the URI may hold a password, and everybody sees arguments.
        self._send(tracking.model_dump_json())

    def ask(self, call: str, words: str, **given: Any) -> Any:
        """Let the worker do something and return its result.

        Parameters
        ----------
        call : str
            Name in `mlflow_calls.CALLS`.
        words : str
            What it is about, to follow "did not" in the error.
        **given : JSON values

        Raises
        ------
        TrackingError
            MLflow refuses, the worker ended, or it took longer than `PATIENCE_SECONDS`; the
            worker has been killed then, and no further call can succeed.
        """
        timer = threading.Timer(PATIENCE_SECONDS, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            # Killing it ends both, the writing to a full pipe and the waiting for the answer.
            self._send(json.dumps({"call": call, "with": given}))
            answer = self._answer()
        finally:
            timer.cancel()
        if self._too_long and "result" not in answer:
            raise TrackingError(
                f"{_place(self._uri)} took longer than {PATIENCE_SECONDS:g} s and did not {words}",
                fix=FIX,
            )
        return result_of(answer, self._uri, words)

    def end(self) -> None:
        """Let the worker finish what it is at for up to `GRACE_SECONDS`, then kill it."""
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            if self._process.stdout:
                self._process.stdout.close()
            self._errors.close()

    def _send(self, line: str) -> None:
        if self._process.stdin:
            # A process that has ended already is found, with its reason, when there is no answer.
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        for line in self._process.stdout or ():
            with contextlib.suppress(ValueError):
                answer = json.loads(line)
                if isinstance(answer, dict) and answer.keys() & {"result", "error"}:
                    return answer
        self._errors.seek(0)
        words = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return {"error": words[-1] if words else "its process ended without a word"}

    def _give_up(self) -> None:
        self._too_long = True
        self._process.kill()


def result_of(answer: Mapping[str, Any], uri: str, words: str) -> Any:
    """The result of a worker's answer.

    Parameters
    ----------
    answer : mapping
        With ``result`` or ``error``.
    uri : str
        MLflow's; its password is not told.
    words : str
        What it was about, to follow "did not" in the error.

    Raises
    ------
    TrackingError
        The answer is an error.
    """
    if "result" in answer:
        return answer["result"]
    why = without_password(str(answer["error"]), uri)
    raise TrackingError(
        f"{_place(uri)} did not {words}: {why}",
        fix="see what it says; for an old database: `mlflow db upgrade URI`",
    )


def _place(uri: str) -> str:
    return f"MLflow at {without_password(uri, uri)}"
