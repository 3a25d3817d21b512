"""The program: help that teaches, JSON that scripts read, errors without a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn_mlops import __version__
from churn_mlops.cli import app

STAGES = [
    "generate-data",
    "validate-data",
    "prepare-data",
    "build-features",
    "build-labels",
    "build-training-set",
    "train-baseline",
    "train-candidate",
    "promote",
    "batch-score",
]
COMMANDS = [*STAGES, "tune", "backtest", "rollback", "history", "drift-check", "score-proxy"]
COMMANDS += ["performance", "publish", "plan", "top", "report", "show-params", "docs"]
run = CliRunner().invoke


def churn(*arguments: str, code: int) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", "from churn_mlops.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    return done


def test_version() -> None:
    assert run(app, ["--version"]).stdout == f"churn-mlops {__version__}\n"


def test_help_names_every_command_in_order() -> None:
    text = run(app, ["--help"]).stdout
    places = [text.index(f" {name} ") for name in COMMANDS]
    assert places == sorted(places)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches_and_speaks_json(name: str) -> None:
    text = run(app, [name, "--help"]).stdout
    assert "--json" in text
    assert len(text.splitlines()) > 8


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, churn_mlops.cli; "
        "heavy = 'ibis duckdb pydantic numpy pandas mlflow sklearn pyarrow onnxruntime'; "
        "print([m for m in heavy.split() if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_known_error_is_a_message_and_a_code(workspace: Path) -> None:
    done = churn("validate-data", code=10)
    assert done.stdout == ""
    assert done.stderr.startswith("error: there is no params.yaml in ")
    assert "\n  fix: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_option_is_code_2(workspace: Path) -> None:
    assert "No such option" in churn("batch-score", "--topk", "3", code=2).stderr


def test_a_stage_without_its_input_names_the_way(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    assert "dvc repro" in churn("build-features", code=12).stderr


def test_show_params(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "mine.yaml").write_text("churn: {window_days: 14}")
    monkeypatch.setenv("CHURN__SCORING__TOP_K", "7")
    result = run(app, ["show-params", "--params", "mine.yaml", "--json"])
    tree = json.loads(result.stdout)
    assert tree["churn"]["window_days"] == 14
    assert tree["scoring"]["top_k"] == 7
    assert "window_days: 14" in run(app, ["show-params", "--params", "mine.yaml"]).stdout
