"""The commands are the stages of dvc.yaml, and the reverse."""

from __future__ import annotations

from pathlib import Path

import yaml

from churn_mlops.commands.stages import STAGES

ROOT = Path(__file__).parents[3]


def test_dvc_runs_exactly_the_commands_in_their_order() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert list(stages) == [stage.__name__ for stage in STAGES]
    for name, stage in stages.items():
        command = f"churn {name.replace('_', '-')}"
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
