from __future__ import annotations

import io
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from churn_mlops.params import Tracking
from churn_mlops.registry.mlflow_worker import _experiment_id, first_line, respond, serve
from tests.mlflow_store import at_home

slow = pytest.mark.slow


def talk(uri, folder, *lines):
    return subprocess.run(
        [sys.executable, "-m", "churn_mlops.registry.mlflow_worker"],
        input="\n".join([Tracking(uri=uri).model_dump_json(), *lines]) + "\n",
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
    )


@slow
def test_without_a_request_nothing_is_logged(tmp_path):
    done = talk(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "INFO" not in done.stderr
    assert (tmp_path / "mlflow.db").exists()


@slow
def test_every_request_has_one_line_of_answer(tmp_path, mlflow_store):
    good = json.dumps({"call": "versions", "with": {"model": "churn"}})
    bad = ["", "no json", "[]", '{"call": "exec", "with": {}}', '{"call": "versions", "with": {}}']
    mlflow_store.link("worker")
    done = talk(mlflow_store.uri, tmp_path, good, *bad, good)
    first, *errors, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert first == last == {"result": []}
    assert [list(answer) for answer in errors] == [["error"]] * len(bad)


@slow
def test_a_failure_to_connect_answers_every_request(tmp_path):
    done = talk("nonsense://x", tmp_path, "{}", "{}")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 2
    assert all("nonsense" in answer["error"] for answer in answers)


def served(uri, *lines):
    """The answers, as objects, without a process."""
    answers = io.StringIO()
    lines = [Tracking(uri=uri, experiment="worker").model_dump_json(), *lines]
    serve(io.StringIO("\n".join(lines) + "\n"), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_requests_are_answered_in_their_order(mlflow_store):
    good = json.dumps({"call": "versions", "with": {"model": "no such model"}})
    mlflow_store.link("worker")
    with at_home(mlflow_store.folder):
        assert served(mlflow_store.uri) == []
        first, error, last = served(mlflow_store.uri, good, "no json", good)
    assert first == last == {"result": []}
    assert list(error) == ["error"]


def test_without_a_connection_every_answer_is_why(tmp_path):
    with at_home(tmp_path):
        answers = served("nonsense://x", "{}", "{}")
    assert len(answers) == 2
    assert all("nonsense" in answer["error"] for answer in answers)


def test_an_error_is_told_by_its_first_line():
    assert first_line(ValueError("\nfirst\nsecond")) == "first"
    assert first_line(ValueError()) == "ValueError"


def test_an_unknown_call_is_an_error():
    assert "exec" in respond(None, '{"call": "exec", "with": {}}')["error"]


def test_a_deleted_experiment_is_told():
    found = SimpleNamespace(lifecycle_stage="deleted", experiment_id="1")
    client = SimpleNamespace(get_experiment_by_name=lambda name: found)
    with pytest.raises(ValueError, match="'gone' has been deleted; restore it"):
        _experiment_id(client, "gone")


def test_an_experiment_that_another_process_makes_first_is_used():
    from mlflow.exceptions import MlflowException

    answers = iter([None, SimpleNamespace(lifecycle_stage="active", experiment_id=7)])

    def create(name):
        raise MlflowException("exists")

    client = SimpleNamespace(
        get_experiment_by_name=lambda name: next(answers), create_experiment=create
    )
    assert _experiment_id(client, "churn") == "7"
