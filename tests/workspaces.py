"""Throw-away workspaces in which tests run the real pipeline as processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import merge

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def make(folder: Path, over: dict[str, Any] | None = None, params: Path | None = None) -> Path:
    """Copy what the pipeline needs into a folder, with some parameters changed."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "dvc.yaml", folder)
    for name in ("scripts", "src", ".dvc"):
        ignore = shutil.ignore_patterns("__pycache__", "cache", "tmp")
        shutil.copytree(ROOT / name, folder / name, ignore=ignore, dirs_exist_ok=True)
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    if params is not None:
        tree = yaml.safe_load(params.read_text())
    (folder / "params.yaml").write_text(yaml.safe_dump(merge(tree, over or {}), sort_keys=False))
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def run(folder: Path, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment in a workspace and check its exit code."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "CHURN__"))}
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def stages_run(output: str) -> list[str]:
    """The stages that a `dvc repro` ran."""
    marker = "Running stage '"
    return [line.split("'")[1] for line in output.splitlines() if line.startswith(marker)]
