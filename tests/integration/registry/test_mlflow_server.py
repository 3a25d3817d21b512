"""A real MLflow server on loopback: what is logged is what can be read back."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from churn_mlops.errors import TrackingError
from churn_mlops.registry.bundle import FILES, load_bundle
from churn_mlops.registry.mlflow_registry import Tracker
from churn_mlops.training import train_baseline
from tests.made_up import write_tables
from tests.trained import bundle, params_in, trained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--serve-artifacts"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    uri = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{uri}/health", process, folder / "log")
        yield uri
    finally:
        # Its own session: the server's workers end with it.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait(url, process, log):
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(log.read_text())


def test_the_stage_logs_everything(server, tmp_path, workspace):
    from mlflow import MlflowClient

    params = params_in(tmp_path, tracking={"uri": server, "experiment": "portal"})
    write_tables(params)
    summary = train_baseline.run(params)

    client = MlflowClient(tracking_uri=server)
    run = client.get_run(summary.facts["mlflow_run"])
    assert client.get_experiment(run.info.experiment_id).name == "portal"
    assert run.info.run_name == "train_baseline logistic_regression"
    assert run.info.status == "FINISHED"
    assert run.data.params["test_size"] == "0.2"
    assert run.data.params["class_weight"] == "balanced"
    assert run.data.params["windows_days"] == "7,14,30"
    written = json.loads((tmp_path / "artifacts/metrics/train_baseline.json").read_text())
    for name in ("pr_auc", "roc_auc", "accuracy", "brier", "ece"):
        assert run.data.metrics[name] == pytest.approx(written[name])
    assert run.data.tags["model_version"] == summary.facts["model_version"]
    assert run.inputs.dataset_inputs[0].dataset.name == "training_dataset"

    got = tmp_path / "downloaded"
    got.mkdir()
    client.download_artifacts(run.info.run_id, "model", str(got))
    assert {path.name for path in (got / "model").iterdir()} == set(FILES)
    assert load_bundle(got / "model").version == summary.facts["model_version"]
    names = {entry.path for entry in client.list_artifacts(run.info.run_id)}
    assert names == {"model", "plots", "train_baseline.json"}


def test_a_failed_upload_fails_and_marks_the_run(server, tmp_path):
    from dataclasses import replace

    from mlflow import MlflowClient

    params = params_in(tmp_path, tracking={"uri": server, "experiment": "broken"})
    run = replace(trained()[1], artifacts=[(str(tmp_path / "none.json"), "")])
    with Tracker(params.tracking) as tracker, pytest.raises(TrackingError, match="did not take"):
        tracker.log(run)
    client = MlflowClient(tracking_uri=server)
    experiment = client.get_experiment_by_name("broken").experiment_id
    assert [r.info.status for r in client.search_runs([experiment])] == ["FAILED"]


def test_a_deleted_experiment_is_told(server, tmp_path):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=server)
    client.delete_experiment(client.create_experiment("gone"))
    params = params_in(tmp_path, tracking={"uri": server, "experiment": "gone"})
    with Tracker(params.tracking) as tracker, pytest.raises(TrackingError, match="deleted"):
        tracker.log(trained()[1])
    assert bundle().version == trained()[1].tags["model_version"]


def test_an_unreachable_server_stops_the_stage_at_once(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    params = params_in(tmp_path, tracking={"uri": f"http://127.0.0.1:{port}"})
    started = time.monotonic()
    with pytest.raises(TrackingError, match=f"http://127.0.0.1:{port} does not answer"):
        train_baseline.run(params)
    assert time.monotonic() - started < 5
    assert not (tmp_path / "artifacts").exists()
