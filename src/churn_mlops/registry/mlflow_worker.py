"""The process that talks to MLflow: connects, waits for one run, logs it, ends.

The first line on stdin is the section ``tracking``, the second the run, both JSON. The answer on
stdout is one JSON object with ``run_id`` or ``error``. When stdin ends without a run, because
training failed, nothing is logged.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from churn_mlops.params import Tracking


def main() -> None:
    """Connect, then log the run that comes on stdin."""
    tracking = Tracking.model_validate_json(sys.stdin.readline())
    # MLflow's defaults wait for minutes; users' own settings win.
    seconds = str(max(1, round(tracking.timeout_seconds)))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", seconds)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    try:
        from mlflow import MlflowClient

        logging.getLogger("alembic").setLevel(logging.ERROR)
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        client = MlflowClient(tracking_uri=tracking.uri)
        experiment_id = _experiment_id(client, tracking.experiment)
        text = sys.stdin.read()
        if text:
            print(json.dumps({"run_id": log(client, experiment_id, json.loads(text))}))
    except Exception as error:  # whatever MLflow or its stores raise is for the parent to tell
        first = str(error).strip().splitlines()
        print(json.dumps({"error": first[0] if first else type(error).__name__}))


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


def log(client: Any, experiment_id: str, run: dict[str, Any]) -> str:
    """Log one run with everything that belongs to it; a run that fails half-way is marked so."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    now = int(time.time() * 1000)
    run_id = str(client.create_run(experiment_id, run_name=run["name"]).info.run_id)
    try:
        client.log_batch(
            run_id,
            metrics=[Metric(key, float(value), now, 0) for key, value in run["metrics"].items()],
            params=[Param(key, value) for key, value in run["params"].items()],
            tags=[RunTag(key, value) for key, value in run["tags"].items()],
        )
        data = run["dataset"]
        dataset = Dataset(
            name=data["name"],
            digest=data["digest"][:32],
            source_type="local",
            source=json.dumps({"uri": data["path"]}),
        )
        client.log_inputs(
            run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
        )
        for path, folder in run["artifacts"]:
            send = client.log_artifacts if Path(path).is_dir() else client.log_artifact
            send(run_id, path, folder or None)
    except Exception:
        client.set_terminated(run_id, status="FAILED")
        raise
    client.set_terminated(run_id)
    return run_id


if __name__ == "__main__":
    main()
