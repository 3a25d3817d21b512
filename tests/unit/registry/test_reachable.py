from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time

import pytest

from churn_mlops.errors import TrackingError
from churn_mlops.params import Tracking, load
from churn_mlops.registry.reachable import check_reachable, without_password


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


def test_what_a_killed_process_left_half_written_is_rolled_back(tmp_path):
    path = tmp_path / "mlflow.db"
    code = (
        "import os, sqlite3; con = sqlite3.connect('mlflow.db', isolation_level=None);"
        "con.execute('CREATE TABLE t (x)'); con.execute('PRAGMA cache_size = 1');"
        "con.execute('BEGIN'); con.execute('PRAGMA cache_spill = 1');"
        "con.executemany('INSERT INTO t VALUES (?)', ((b'x' * 4096,) for _ in range(2000)));"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    assert (tmp_path / "mlflow.db-journal").stat().st_size > 0
    assert check_reachable(tracking(f"sqlite:///{path}")) is None
    with sqlite3.connect(path) as con:
        assert con.execute("SELECT count(*) FROM t").fetchone() == (0,)


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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no route to http://me:p%40ss@host/api", "no route to http://me:***@host/api"),
        ("cannot log in as me:p@ss@host", "cannot log in as me:***@host"),
        ("the pass at host", "the pass at host"),
    ],
)
def test_a_password_is_hidden_wherever_it_is_told(text, told):
    assert without_password(text, "http://me:p%40ss@host") == told
    assert without_password(text, "http://host") == text
