"""`churn daily` and `churn simulate` as they are called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.commands.loop import COMMANDS
from churn_mlops.data.watermark import Watermark, write_watermark
from churn_mlops.errors import ParamsError
from churn_mlops.loop.lock import HELD_BY, workspace_lock
from churn_mlops.loop.scenarios import SCENARIOS
from churn_mlops.params import Params
from tests.unit.data.source import OVER, lay_out, with_events

invoke = CliRunner().invoke
PROGRAM = [sys.executable, "-c", "from churn_mlops.cli import main; main()"]


def churn(*arguments: str, code: int) -> subprocess.CompletedProcess[str]:
    """Run the program and check its exit code."""
    known = {name: value for name, value in os.environ.items() if name != HELD_BY}
    done = subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=120, env=known
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", [one.__name__ for one in COMMANDS])
def test_the_help_tells_what_is_written(command: str) -> None:
    done = invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "Writes" in done.stdout


def test_the_help_names_every_scenario() -> None:
    text = " ".join(invoke(app, ["simulate", "--help"], env={"COLUMNS": "200"}).stdout.split())
    for name in SCENARIOS:
        assert name in text, name


@pytest.mark.parametrize(
    "arguments",
    [
        ["daily", "--as-of", "yesterday"],
        ["daily", "--as-of", "01.02.2025"],
        ["daily", "2025-01-01"],
        ["simulate", "--days", "0"],
        ["simulate", "--days", "1001"],
        ["simulate", "--users", "99"],
        ["simulate", "--seed", "-1"],
    ],
)
def test_what_cannot_be_meant_is_a_wrong_command_line(
    workspace: Path, arguments: list[str]
) -> None:
    assert invoke(app, arguments).exit_code == 2
    assert files(workspace) == set()


@pytest.mark.parametrize("command", [one.__name__ for one in COMMANDS])
def test_without_parameters_nothing_is_begun(workspace: Path, command: str) -> None:
    error = invoke(app, [command, "--params", "other.yaml"]).exception
    assert isinstance(error, ParamsError)
    assert "other.yaml" in str(error)
    assert files(workspace) == set()


def test_a_scenario_that_nobody_knows(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    error = invoke(app, ["simulate", "--scenario", "quiet"]).exception
    assert isinstance(error, ParamsError)
    assert "calm" in str(error)
    assert files(workspace) == {"params.yaml"}


def test_a_folder_with_something_else_in_it_is_left_alone(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    (workspace / "mine").mkdir()
    (workspace / "mine/letter.txt").write_text("dear")
    error = invoke(app, ["simulate", "--into", "mine", "--days", "1", "--no-serve"]).exception
    assert isinstance(error, ParamsError)
    assert files(workspace) == {"params.yaml", "mine/letter.txt"}


def test_a_day_that_has_passed_is_not_worked_in(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    write_watermark(Params(), Watermark(Params().data.last_synthetic_day, True, "x"))
    error = invoke(app, ["daily", "--as-of", "2025-01-01"]).exception
    assert isinstance(error, ParamsError)
    assert "2025-01-01 lies before" in str(error)


def test_two_do_not_work_in_one_workspace(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    with workspace_lock(Params(), "churn retrain"):
        done = churn("daily", code=22)
    assert f"churn retrain (process {os.getpid()}) is at work" in done.stderr
    assert not (workspace / "data").exists()


def test_a_day_whose_gate_closes_is_code_13_and_noted(workspace: Path) -> None:
    lay_out(workspace, with_events(*(f"{n},1,2025-02-09 10:00:00,x,,,," for n in range(900, 999))))
    tree = OVER | {"validation": {"max_quarantine_share": 0.01}}
    tree["monitoring"] = {"publish": {"textfile": "."}}
    (workspace / "params.yaml").write_text(yaml.safe_dump(tree))
    done = churn("daily", "--as-of", "2025-02-09", "--json", code=13)
    assert done.stdout == ""
    assert "CHN124" in done.stderr
    log = json.loads((workspace / "artifacts/daily/2025-02-09.json").read_text())
    assert (log["status"], log["error"]["step"]) == ("failed", "validate_data")
    assert [one["step"] for one in log["steps"]] == ["ingest"]
    assert 'exit_code{stage="daily"} 13.0' in (workspace / "churn_stage_daily.prom").read_text()
