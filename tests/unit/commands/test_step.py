"""`churn step`: what the containers of the Kubeflow pipeline run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.errors import ContractError, ParamsError, PromotionError
from tests.receiver import receiver
from tests.unit.kubeflow.project import message, project

run = CliRunner().invoke


def test_a_stage_is_run_and_told_as_json(tmp_path: Path) -> None:
    own = project(tmp_path / "project")
    given = message(tmp_path, outputs=("raw",), parameters={"data_synthetic_users": 5})
    done = run(app, ["step", "run", "generate_data", given, "--project", str(own), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["outputs"] == [str(tmp_path / "raw")]
    assert (tmp_path / "raw/users.csv").read_text() == "5\n"


def test_it_leaves_with_the_code_of_the_stage(tmp_path: Path) -> None:
    own = project(tmp_path / "project", {"generate_data": {"cmd": "exit 13"}})
    given = message(tmp_path, outputs=("raw",))
    done = run(app, ["step", "run", "generate_data", given, "--project", str(own)])
    assert (done.exit_code, done.stdout) == (13, "")


def test_without_a_champion_it_is_said_why(tmp_path: Path) -> None:
    path = tmp_path / "promotion.json"
    path.write_text('{"decision": "refused", "reason": "0.2 against 0.3"}')
    given = message(tmp_path, inputs={"metrics_promotion": path})
    done = run(app, ["step", "no-champion", given])
    assert isinstance(done.exception, PromotionError)
    assert "0.2 against 0.3; nothing was scored" in str(done.exception)


def test_a_damaged_decision_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "promotion.json"
    path.write_text("{}")
    given = message(tmp_path, inputs={"metrics_promotion": path})
    assert isinstance(run(app, ["step", "no-champion", given]).exception, ContractError)


def test_the_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = project(tmp_path / "project")
    told = {"status": {"state": "SUCCEEDED"}, "pipeline": "p", "run": "r", "run_id": "1"}
    arguments = ["step", "tell", message(tmp_path, parameters=told), "--project", str(own)]
    with receiver() as there:
        monkeypatch.setenv("CHURN__MONITORING__ALERT__WEBHOOK", there.url)
        done = run(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["facts"]["state"] == "SUCCEEDED"
    assert there.bodies[0]["title"] == "churn: the pipeline p succeeded"
    monkeypatch.delenv("CHURN__MONITORING__ALERT__WEBHOOK")
    assert isinstance(run(app, arguments).exception, ParamsError), "nobody would be told"
