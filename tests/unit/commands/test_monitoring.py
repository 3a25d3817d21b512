"""`churn publish`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.errors import PublishError
from churn_mlops.params import Params
from tests.monitored import write_all

run = CliRunner().invoke


def parameters(folder: Path, **publish: str) -> None:
    tree = {"monitoring": {"publish": publish}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))


def test_it_says_how_many_values_went_where(workspace: Path) -> None:
    parameters(workspace, textfile=".")
    write_all(Params())
    body = json.loads(run(app, ["publish", "--json"]).stdout)
    assert body["rows"]["values"] > 40
    assert body["outputs"] == ["churn_state.prom"]
    text = run(app, ["publish"]).stdout
    assert "wrote churn_state.prom" in text


def test_without_a_target_it_is_error_21(workspace: Path) -> None:
    parameters(workspace)
    result = run(app, ["publish"])
    assert isinstance(result.exception, PublishError)
    assert result.exception.exit_code == 21
    assert "set monitoring.publish.pushgateway" in (result.exception.fix or "")


def test_a_gateway_that_is_away_is_a_message_and_a_code(workspace: Path) -> None:
    parameters(workspace, pushgateway="http://127.0.0.1:1")
    done = subprocess.run(
        [sys.executable, "-c", "from churn_mlops.cli import main; main()", "publish"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (21, "")
    assert done.stderr.startswith("error: the Pushgateway at http://127.0.0.1:1 did not take")
    assert "\n  fix: " in done.stderr


def test_without_the_package_it_says_what_to_install(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters(workspace, textfile=".")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    result = run(app, ["publish"])
    assert isinstance(result.exception, PublishError)
    assert "pip install" in (result.exception.fix or "")
