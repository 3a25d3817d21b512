from __future__ import annotations

import sys
import time

import pytest

from churn_mlops.errors import TrackingError
from churn_mlops.params import Tracking
from churn_mlops.registry import mlflow_process
from churn_mlops.registry.mlflow_process import Process

ECHO = """import sys, json
uri = json.loads(sys.stdin.readline())["uri"]
for line in sys.stdin:
    asked = json.loads(line)
    print("noise")
    print("{}")
    print("[1]")
    if asked["call"] == "fail":
        answer = {"error": f"no {asked['with']} at {uri}"}
    else:
        answer = {"result": [asked["call"], asked["with"], uri]}
    print(json.dumps(answer), flush=True)
"""
URI = "postgresql://me:secret@db/mlflow"


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Let another program stand in for the worker."""
    started = []

    def start(code):
        script = tmp_path / "python"
        script.write_text(f"#!{sys.executable}\n{code}\n")
        script.chmod(0o755)
        monkeypatch.setattr(mlflow_process.sys, "executable", str(script))
        started.append(Process(Tracking(uri=URI)))
        return started[-1]

    yield start
    monkeypatch.setattr(mlflow_process, "GRACE_SECONDS", 0.1)
    for process in started:
        if process._process.returncode is None:
            process.end()


def test_every_question_has_its_answer(start):
    process = start(ECHO)
    assert process.ask("one", "do it", a=1) == ["one", {"a": 1}, URI]
    assert process.ask("two", "do it") == ["two", {}, URI]
    process.end()
    assert process._process.returncode == 0


def test_after_an_error_it_goes_on_and_the_password_is_not_told(start):
    process = start(ECHO)
    words = r"^MLflow at postgresql://me:\*\*\*@db/mlflow did not do it: no .'a': 1. at postgresql"
    with pytest.raises(TrackingError, match=words) as caught:
        process.ask("fail", "do it", a=1)
    assert "secret" not in str(caught.value)
    assert "mlflow db upgrade" in str(caught.value)
    assert process.ask("one", "do it")[0] == "one"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit('first\\nbroken install at me:secret@db')", r"broken .* me:\*\*\*@db"),
        ("pass", "ended without a word"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended without a word"),
    ],
)
def test_the_last_words_of_a_dead_worker_are_told(start, code, words):
    process = start(code)
    for _ in range(2):
        with pytest.raises(TrackingError, match=words):
            process.ask("one", "do it")


def test_one_that_dies_between_two_calls_is_told(start):
    process = start(f"{ECHO.replace('for line in sys.stdin', 'for line in [input()]')}")
    assert process.ask("one", "do it")[0] == "one"
    process._process.wait(10)
    with pytest.raises(TrackingError, match="without a word"):
        process.ask("two", "do it")


@pytest.mark.parametrize("size", [1, 10_000_000], ids=["small", "more than a pipe holds"])
def test_one_that_hangs_is_given_up_and_ended(start, monkeypatch, size):
    process = start("import time; time.sleep(60)")
    monkeypatch.setattr(mlflow_process, "PATIENCE_SECONDS", 0.2)
    started = time.monotonic()
    for _ in range(2):
        with pytest.raises(TrackingError, match=r"took longer than 0\.2 s and did not do it"):
            process.ask("one", "do it", text="x" * size)
    assert time.monotonic() - started < 10
    assert process._process.wait(10) != 0
    process.end()


def test_at_the_end_it_may_finish_what_it_is_at(start, tmp_path):
    done = tmp_path / "done"
    code = f"import sys, time; sys.stdin.read(); time.sleep(0.3); open({str(done)!r}, 'w')"
    start(code).end()
    assert done.exists()


def test_one_that_does_not_end_is_ended(start, monkeypatch):
    process = start("import time; time.sleep(60)")
    monkeypatch.setattr(mlflow_process, "GRACE_SECONDS", 0.2)
    process.end()
    assert process._process.returncode < 0


def test_the_uri_is_no_argument(start):
    assert not any("secret" in word for word in start(ECHO)._process.args)
