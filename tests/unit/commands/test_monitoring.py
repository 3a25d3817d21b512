"""`churn drift-check`: its exit code is a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.errors import BundleError
from churn_mlops.monitoring import drift
from churn_mlops.params import Params
from churn_mlops.summary import Summary

invoke = CliRunner().invoke


@pytest.mark.parametrize(("status", "code"), [("OK", 0), ("FAIL", 2), ("WARN", 3)])
def test_the_exit_code_is_the_verdict(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, status: str, code: int
) -> None:
    (workspace / "params.yaml").write_text("")

    def run(params: Params, as_of_date: object) -> Summary:
        facts = {"status": status, "as_of_date": str(as_of_date)}
        return Summary("drift_check", {"users": 7}, [], facts, [f"{status}: headline"])

    monkeypatch.setattr(drift, "run", run)
    result = invoke(app, ["drift-check", "--as-of-date", "2025-04-30"])
    assert result.exit_code == code
    assert result.stdout.splitlines()[0] == f"{status}: headline"
    told = invoke(app, ["drift-check", "--json"])
    assert told.exit_code == code
    assert json.loads(told.stdout)["facts"]["status"] == status


@pytest.mark.parametrize("options", [["--bogus"], ["--as-of-date", "yesterday"]])
def test_a_typing_error_is_no_verdict(workspace: Path, options: list[str]) -> None:
    assert invoke(app, ["drift-check", *options]).exit_code == 1


def test_an_error_is_no_verdict(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    result = invoke(app, ["drift-check"])
    assert isinstance(result.exception, BundleError)
    assert result.exception.exit_code == 1
