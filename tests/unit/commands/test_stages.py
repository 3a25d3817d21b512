"""The commands are the stages of dvc.yaml, and the reverse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.commands.stages import STAGES
from churn_mlops.errors import BundleError
from churn_mlops.params import Params
from churn_mlops.registry import promote_model
from churn_mlops.summary import Summary
from churn_mlops.training import train_candidate

ROOT = Path(__file__).parents[3]
invoke = CliRunner().invoke


def recorded(monkeypatch: pytest.MonkeyPatch, module: object) -> list[dict[str, object]]:
    """What a stage is called with; it does nothing else."""
    calls: list[dict[str, object]] = []

    def run(params: Params, **given: object) -> Summary:
        calls.append(given)
        return Summary("stage", {"rows": params.scoring.top_k})

    monkeypatch.setattr(module, "run", run)
    return calls


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"dry_run": False, "new_contract": False}),
        (["--dry-run"], {"dry_run": True, "new_contract": False}),
        (["--new-contract"], {"dry_run": False, "new_contract": True}),
    ],
)
def test_promote_hands_its_options_on(
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    expected: dict[str, bool],
) -> None:
    (workspace / "params.yaml").write_text("scoring: {top_k: 5}")
    calls = recorded(monkeypatch, promote_model)
    result = invoke(app, ["promote", "--json", *options])
    assert json.loads(result.stdout)["rows"] == {"rows": 5}
    assert calls == [expected | {"params_file": Path("params.yaml")}]


def test_train_candidate_runs_its_stage(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "params.yaml").write_text("")
    calls = recorded(monkeypatch, train_candidate)
    assert invoke(app, ["train-candidate"]).stdout.startswith("stage: rows 100")
    assert calls == [{}]


def test_promoting_without_a_model_names_the_way(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "params.yaml").write_text("")

    class Nothing:
        def __init__(self, _: object) -> None:
            pass

        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(promote_model, "Tracker", Nothing)
    result = invoke(app, ["promote"])
    assert isinstance(result.exception, BundleError)
    assert "dvc repro" in str(result.exception)
    assert [one.name for one in (workspace / "artifacts").iterdir()] == [".lock"]


def test_dvc_runs_exactly_the_commands_in_their_order() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    short = {"promote_model": "promote"}
    assert [short.get(name, name) for name in stages] == [stage.__name__ for stage in STAGES]
    for name, stage in stages.items():
        command = f"churn {short.get(name, name).replace('_', '-')}"
        if stage["cmd"].startswith("scripts/"):
            assert command in (ROOT / stage["cmd"]).read_text()
        else:
            assert stage["cmd"] == command


def test_every_code_dependency_exists() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    code = {
        d for stage in stages.values() for d in stage["deps"] if d.startswith(("src", "scripts"))
    }
    assert code
    for path in code:
        assert (ROOT / path).exists(), path


def test_the_help_names_what_is_written() -> None:
    for stage in STAGES:
        assert "Writes" in (stage.__doc__ or ""), stage.__name__
