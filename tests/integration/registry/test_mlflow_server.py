"""A real MLflow server on loopback: what is logged is what can be read back."""

from __future__ import annotations

import hashlib
import json
import socket
import time

import pytest

from churn_mlops.errors import TrackingError
from churn_mlops.params import Tracking
from churn_mlops.registry.bundle import FILES, load_bundle
from churn_mlops.registry.mlflow_registry import Run, Tracker
from churn_mlops.training import train_baseline
from tests.made_up import write_tables
from tests.mlflow_server import running, stop
from tests.trained import bundle, params_in, trained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("server")) as (uri, _):
        yield uri


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
    assert names == {"model", "plots", "evaluation", "train_baseline.json"}


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


@pytest.fixture(scope="module")
def tracker(server):
    with Tracker(Tracking(uri=server, experiment="registry", timeout_seconds=30)) as entered:
        yield entered


def small_run(folder, content):
    """A run with a small directory as its bundle, and the tags of a version of it."""
    (folder / "deep").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(content)
    (folder / "deep" / "more.json").write_text("{}")
    tags = {"bundle_sha256": hashlib.sha256(content).hexdigest(), "stage": "train_baseline"}
    dataset = {"name": "t", "digest": "0", "path": "t.csv"}
    return Run("train_baseline x", {}, {"m": 0.5}, tags, [(str(folder), "model")], dataset), tags


def test_a_version_is_registered_promoted_and_downloaded(server, tracker, tmp_path):
    from mlflow import MlflowClient

    assert tracker.by_alias("served", "champion") is None
    assert tracker.versions("served") == []
    for number in (1, 2):
        content = bytes([number]) * 1_000_000
        run, tags = small_run(tmp_path / f"bundle {number}", content)
        run_id = tracker.log(run)
        assert tracker.find_run(tags["bundle_sha256"], "train_baseline") == run_id
        for _ in range(2):
            assert tracker.register("served", run_id, "model", tags) == number
        tracker.set_alias("served", "champion", number)
    tracker.set_tags("served", 2, {"ledger_head": "7:abc"})

    champion = tracker.by_alias("served", "champion")
    assert (champion.version, champion.run_id, champion.aliases) == (2, run_id, ("champion",))
    assert champion.tags == {**tags, "ledger_head": "7:abc"}
    assert [v.version for v in tracker.versions("served")] == [2, 1]
    assert tracker.by_version("served", 1).aliases == ()

    tracker.download("served", champion.version, tmp_path / "downloaded")
    names = {str(p.relative_to(tmp_path / "downloaded")) for p in tmp_path.rglob("downloaded/**/*")}
    assert names == {"model.onnx", "deep", "deep/more.json"}
    assert (tmp_path / "downloaded" / "model.onnx").read_bytes() == content

    # Another client, such as MLflow's own pages, sees the same.
    seen = MlflowClient(tracking_uri=server).get_model_version_by_alias("served", "champion")
    assert (str(seen.version), seen.run_id) == ("2", run_id)
    tracker.delete_alias("served", "champion")
    assert tracker.by_alias("served", "champion") is None


def test_what_a_server_refuses_is_told_and_the_next_call_works(tracker, tmp_path):
    run, tags = small_run(tmp_path / "bundle", b"refused")
    run_id = tracker.log(run)
    with pytest.raises(TrackingError, match="did not let champion name version 1 of nowhere"):
        tracker.set_alias("nowhere", "champion", 1)
    with pytest.raises(TrackingError, match=f"run {run_id} has no folder 'none' with a bundle"):
        tracker.register("refused", run_id, "none", tags)
    with pytest.raises(TrackingError, match="did not register"):
        tracker.register("refused", run_id, "../../elsewhere", tags)
    with pytest.raises(TrackingError, match="did not give version 1 of refused"):
        tracker.download("refused", 1, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert tracker.versions("refused") == []
    assert tracker.register("refused", run_id, "model", tags) == 1


def test_a_server_that_ends_is_told(tmp_path):
    with running(tmp_path) as (uri, process):
        tracking = Tracking(uri=uri, timeout_seconds=2)
        with Tracker(tracking) as tracker:
            assert tracker.versions("churn") == []
            stop(process)
            with pytest.raises(TrackingError, match=f"MLflow at {uri} did not list churn"):
                tracker.versions("churn")
    with pytest.raises(TrackingError, match="does not answer"), Tracker(tracking):
        pass
