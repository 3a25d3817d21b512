"""The process that talks to MLflow: connects, then does what is asked, line by line.

The first line on stdin is the section ``tracking``. While the parent works, this imports MLflow
and sets its tables up. Every further line is one request, ``{"call": name, "with": {...}}`` with
a name of `mlflow_calls.CALLS`, and is answered on stdout by one line, ``{"result": ...}`` or
``{"error": "..."}``. The end of stdin ends it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from typing import Any, TextIO

from churn_mlops.params import Tracking
from churn_mlops.registry.mlflow_calls import CALLS, Connection


def main() -> None:
    """Connect, then answer the requests that come on stdin."""
    # Ctrl-C reaches this process as well, but within the setting up of tables or an upload it
    # would leave half of it. The parent ends, stdin with it, and then this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.stdin, answers)


def serve(requests: TextIO, answers: TextIO) -> None:
    """Connect as the first line says, then answer the lines after it, one by one."""
    tracking = Tracking.model_validate_json(requests.readline())
    connection: Connection | None = None
    failure = ""
    try:
        connection = connect(tracking)
    except Exception as error:  # whatever MLflow or its stores raise is for the parent to tell
        failure = first_line(error)
    for line in requests:
        answer = respond(connection, line) if connection else {"error": failure}
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()


def connect(tracking: Tracking) -> Connection:
    """Import MLflow, set its tables up, and find or make the experiment."""
    # MLflow's defaults wait for minutes; users' own settings win.
    seconds = str(max(1, round(tracking.timeout_seconds)))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", seconds)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from mlflow import MlflowClient

    logging.getLogger("alembic").setLevel(logging.ERROR)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    client = MlflowClient(tracking_uri=tracking.uri)
    return Connection(client, tracking.uri, _experiment_id(client, tracking.experiment))


def respond(connection: Connection, line: str) -> dict[str, Any]:
    """Do one request; the answer is what is written back."""
    try:
        request = json.loads(line)
        return {"result": CALLS[request["call"]](connection, **request["with"])}
    except Exception as error:  # the next request may well succeed
        return {"error": first_line(error)}


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its kind when it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _experiment_id(client: Any, name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            # Another process may have been first.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise ValueError(f"the experiment '{name}' has been deleted; restore it or choose another")
    return str(found.experiment_id)


if __name__ == "__main__":
    main()
