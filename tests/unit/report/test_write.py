from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.errors import ContractError
from churn_mlops.report.write import run
from tests.unit.report.test_inputs import fill


def test_the_page_is_replaced_as_a_whole(workspace: Path, make_params: Any) -> None:
    fill(workspace)
    page = workspace / "reports/index.html"
    page.parent.mkdir()
    page.write_text("old")
    summary = run(make_params())
    assert page.read_text().startswith("<!doctype html>")
    assert [path.name for path in page.parent.iterdir()] == ["index.html"]
    assert summary.facts["bytes"] == len(page.read_bytes())


def test_the_command_writes_where_it_is_told(workspace: Path) -> None:
    fill(workspace)
    (workspace / "params.yaml").write_text("")
    result = CliRunner().invoke(app, ["report", "--json", "--out", "out/page.html"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["outputs"] == ["out/page.html"]
    assert (workspace / "out/page.html").exists()


def test_the_command_without_evaluation_is_an_error(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    result = CliRunner().invoke(app, ["report"])
    assert isinstance(result.exception, ContractError)
    assert not (workspace / "reports").exists()


def test_the_help_teaches() -> None:
    text = CliRunner().invoke(app, ["report", "--help"]).stdout
    assert "--json" in text
    assert "dvc repro" in text
