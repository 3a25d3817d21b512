from __future__ import annotations

import os
import socket
import sqlite3
import sys
import time

import pytest

from churn_mlops.errors import TrackingError
from churn_mlops.params import Tracking, load
from churn_mlops.registry import mlflow_registry
from churn_mlops.registry.mlflow_registry import Run, Tracker, check_reachable

RUN = Run("train x", {}, {}, {}, [], {"name": "t", "digest": "0", "path": "t.csv"})


def tracking(uri, seconds=0.5):
    return Tracking(uri=uri, timeout_seconds=seconds)


@pytest.fixture
def silent_port():
    """A port that accepts connections and then says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def closed_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_nobody_there_is_told_with_the_uri_and_a_fix(scheme, closed_port):
    uri = f"{scheme}://127.0.0.1:{closed_port}"
    with pytest.raises(TrackingError, match=uri) as caught:
        check_reachable(tracking(uri))
    assert "MLFLOW_TRACKING_URI" in str(caught.value)


def test_a_silent_server_is_given_up_in_time(silent_port):
    started = time.monotonic()
    with pytest.raises(TrackingError, match=r"within 0\.5 s"):
        check_reachable(tracking(f"http://127.0.0.1:{silent_port}"))
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("ftp://example.org", "scheme 'ftp'; known are http, https, sqlite"),
        ("mlruns", "scheme ''"),
        ("http://", "does not answer"),
        ("sqlite:////nowhere/mlflow.db", "there is no directory /nowhere"),
        ("sqlite:////tmp", "cannot be written"),
    ],
)
def test_impossible_uris_are_refused(uri, words):
    with pytest.raises(TrackingError, match=words):
        check_reachable(tracking(uri))


def test_sqlite_must_be_a_database(tmp_path):
    path = tmp_path / "mlflow.db"
    assert check_reachable(tracking(f"sqlite:///{path}")) is None
    assert not path.exists()
    path.write_text("this is no database, but long enough to be looked at " * 9)
    with pytest.raises(TrackingError, match="is no database"):
        check_reachable(tracking(f"sqlite:///{path}"))
    path.unlink()
    sqlite3.connect(path).close()
    assert check_reachable(tracking(f"sqlite:///{path}")) is None


def test_sqlite_must_be_writable(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(TrackingError, match="cannot be written"):
        check_reachable(tracking(f"sqlite:///{tmp_path / 'mlflow.db'}"))


def test_mlflows_own_variables_win(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("tracking: {uri: 'sqlite:///other.db'}")
    environment = {
        "MLFLOW_TRACKING_URI": "http://mlflow:5000",
        "MLFLOW_EXPERIMENT_NAME": "2025-01-01",
    }
    found = load(path, environment).tracking
    assert (found.uri, found.experiment) == ("http://mlflow:5000", "2025-01-01")
    assert load(path, {"MLFLOW_TRACKING_URI": ""}).tracking.uri == "sqlite:///other.db"


def test_passwords_are_not_told(closed_port):
    with pytest.raises(TrackingError) as caught:
        check_reachable(tracking(f"postgresql://me:secret@127.0.0.1:{closed_port}/db"))
    assert "secret" not in str(caught.value)
    assert "me:***@" in str(caught.value)


def worker(monkeypatch, tmp_path, code):
    """Let another program stand in for the worker."""
    script = tmp_path / "python"
    script.write_text(f"#!{sys.executable}\n{code}\n")
    script.chmod(0o755)
    monkeypatch.setattr(mlflow_registry.sys, "executable", str(script))
    return tracking(f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_the_worker_answers_with_the_run_id(monkeypatch, tmp_path):
    code = """import sys, json
uri = json.loads(sys.stdin.readline())["uri"]
name = json.loads(sys.stdin.readline())["name"]
print("noise")
print(json.dumps({"run_id": f"{name} {uri[:6]}"}))"""
    with Tracker(worker(monkeypatch, tmp_path, code)) as tracker:
        assert tracker.log(RUN) == "train x sqlite"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('print(\'{"error": "no such column"}\')', "did not take the run: no such column"),
        ("raise SystemExit('broken install')", "broken install"),
        ("pass", "without a word"),
    ],
)
def test_what_the_worker_says_is_told(monkeypatch, tmp_path, code, words):
    made = worker(monkeypatch, tmp_path, f"import sys; sys.stdin.read()\n{code}")
    with Tracker(made) as tracker, pytest.raises(TrackingError, match=words):
        tracker.log(RUN)


def test_a_worker_that_hangs_is_given_up_and_ended(monkeypatch, tmp_path):
    made = worker(monkeypatch, tmp_path, "import time; time.sleep(60)")
    monkeypatch.setattr(mlflow_registry, "PATIENCE_SECONDS", 0.2)
    started = time.monotonic()
    with Tracker(made) as tracker, pytest.raises(TrackingError, match="took longer"):
        tracker.log(RUN)
    assert time.monotonic() - started < 10


def test_a_failed_training_ends_the_worker(monkeypatch, tmp_path):
    made = worker(monkeypatch, tmp_path, "import time; time.sleep(60)")
    tracker = Tracker(made)
    with pytest.raises(ValueError, match="training failed"), tracker:
        raise ValueError("training failed")
    assert tracker._process.returncode is not None


def test_a_tracker_must_be_entered():
    with pytest.raises(RuntimeError, match="entered"):
        Tracker(tracking("sqlite:///x.db")).log(RUN)
