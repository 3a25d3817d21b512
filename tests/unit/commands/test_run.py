"""Running a stage: its summary as text or JSON, threads fixed, its metrics published."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
import yaml

from churn_mlops import commands
from churn_mlops.commands import run
from churn_mlops.errors import QuarantineError, SourceError
from churn_mlops.params import Params
from churn_mlops.summary import Summary


def stage(params: Params) -> Summary:
    return Summary("stage", {"rows": params.scoring.top_k}, [Path("x")])


def test_text_and_json(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "params.yaml").write_text("scoring: {top_k: 5}")
    run.run_stage(stage, "params.yaml", as_json=False, name="stage")
    assert capsys.readouterr().out.startswith("stage: rows 5 (")
    run.run_stage(stage, "params.yaml", as_json=True, name="stage")
    assert json.loads(capsys.readouterr().out)["rows"] == {"rows": 5}


def test_threads_are_fixed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "params.yaml").write_text("duckdb: {threads: 3}")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    run.read_params("params.yaml")
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_fail_prints_the_fix_and_leaves_with_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run.fail(SourceError("no file", fix="bring one"))
    assert left.value.code == 11
    assert capsys.readouterr().err == "error: no file\n  fix: bring one\n"


def published_to(folder: Path) -> None:
    tree = {"monitoring": {"publish": {"textfile": str(folder)}}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))


def metrics(folder: Path, name: str = "stage") -> dict[str, float]:
    lines = (folder / f"churn_stage_{name}.prom").read_text().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {key.partition("{")[0].removeprefix("churn_stage_"): float(v) for key, v in pairs}


def raises(error: Exception) -> Callable[[Params], Summary]:
    def fails(params: Params) -> Summary:
        raise error

    return fails


def test_a_stage_publishes_how_it_went(workspace: Path) -> None:
    published_to(workspace)
    run.run_stage(stage, "params.yaml", as_json=False, name="stage")
    found = metrics(workspace)
    assert found["exit_code"] == 0
    assert found["rows"] == 100
    assert found["last_success_timestamp_seconds"] == found["last_run_timestamp_seconds"]
    assert (workspace / "churn_state.prom").exists()


@pytest.mark.parametrize(
    ("error", "code"), [(QuarantineError("too many"), 13), (ZeroDivisionError("ours"), 1)]
)
def test_a_failed_stage_publishes_its_exit_code_and_fails(
    workspace: Path, error: Exception, code: int
) -> None:
    published_to(workspace)
    run.run_stage(stage, "params.yaml", as_json=False, name="stage")
    before = metrics(workspace)
    with pytest.raises(type(error), match=str(error)):
        run.run_stage(raises(error), "params.yaml", as_json=False, name="stage")
    after = metrics(workspace)
    assert after["exit_code"] == code
    last = "last_success_timestamp_seconds"
    assert after[last] == before[last] < after["last_run_timestamp_seconds"]


def test_a_verdict_is_no_failure(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published_to(workspace)
    with pytest.raises(typer.Exit) as left:
        run.run_stage(stage, "params.yaml", False, name="stage", exit_code=lambda _: 3)
    assert left.value.exit_code == 3
    assert capsys.readouterr().out.startswith("stage: rows 100 (")
    found = metrics(workspace)
    assert found["exit_code"] == 3
    assert found["last_success_timestamp_seconds"] == found["last_run_timestamp_seconds"]


def test_a_gateway_that_is_away_fails_no_stage_and_is_told(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = {"monitoring": {"publish": {"pushgateway": "http://127.0.0.1:1"}}}
    (workspace / "params.yaml").write_text(yaml.safe_dump(tree))
    run.run_stage(stage, "params.yaml", as_json=True, name="stage")
    told = capsys.readouterr()
    assert json.loads(told.out)["stage"] == "stage"
    (line,) = told.err.splitlines()
    assert "level='warning'" in line
    assert "the Pushgateway at http://127.0.0.1:1 did not take the metrics" in line


def test_without_a_target_nothing_of_it_is_imported(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    code = (
        "import sys; from churn_mlops.commands import run; from churn_mlops.summary import Summary;"
        "run.run_stage(lambda _: Summary('x'), 'params.yaml', False, name='x');"
        "print([m for m in sys.modules if '.publish' in m or m == 'prometheus_client'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_publishes_under_its_own_name() -> None:
    """What alerts ask for; `promote` is the command of the stage promote_model."""
    folder = Path(inspect.getfile(commands)).parent
    names = {
        function.name: keyword.value.value
        for path in folder.glob("*.py")
        for function in ast.parse(path.read_text()).body
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "run_stage"
        for keyword in call.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
    }
    assert names.pop("promote") == "promote_model"
    assert len(names) > 10
    assert all(command == name for command, name in names.items())
