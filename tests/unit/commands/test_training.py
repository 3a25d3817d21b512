"""`churn tune` and `churn backtest` through the program."""

from __future__ import annotations

import json

import pytest
import yaml
from typer.testing import CliRunner

from churn_mlops.cli import app
from tests.made_up import write_tables
from tests.trained import params_in


@pytest.fixture
def file(tmp_path):
    params = params_in(tmp_path, training={"candidate": {"max_rounds": 20}})
    write_tables(params)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(params.model_dump(mode="json", exclude_defaults=True)))
    return path


def test_backtest_prints_json(file):
    done = CliRunner().invoke(app, ["backtest", "--params", str(file), "--cutoffs", "2", "--json"])
    assert done.exit_code == 0, done.output
    body = json.loads(done.stdout)
    assert body["stage"] == "backtest"
    assert body["rows"]["points"] >= 2


@pytest.mark.slow
def test_tune_writes_into_the_parameter_file_that_was_given(file):
    before = yaml.safe_load(file.read_text())
    command = ["tune", "--params", str(file), "--trials", "3", "--minutes", "1", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    body = json.loads(done.stdout)
    after = yaml.safe_load(file.read_text())
    assert body["rows"] == {"trials": 3}
    assert (after != before) == (str(file) in body["outputs"])
    assert {k: v for k, v in after.items() if k != "training"} == {
        k: v for k, v in before.items() if k != "training"
    }


@pytest.mark.parametrize("name", ["tune", "backtest"])
def test_the_help_tells_what_is_written(name):
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0
    assert "artifacts/" in done.stdout
