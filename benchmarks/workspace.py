"""A throw-away workspace, and stages run in it as processes of their own, measured."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAGES = (
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
)


@dataclass(frozen=True)
class Run:
    """Seconds and peak resident memory (MB) of one finished process."""

    seconds: float
    peak_mb: float


def make(folder: Path, git: bool = False) -> Path:
    """Copy what the pipeline needs into an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("scripts", "src", ".dvc"):
        ignore = shutil.ignore_patterns("__pycache__", "cache", "tmp")
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True, ignore=ignore)
    if git:
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> Run:
    """Run a command to its end; its output is shown only when it fails."""
    started = time.perf_counter()
    with (folder / "benchmark.out").open("w") as out:
        bin_folder = str(Path(sys.executable).parent)
        merged = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"} | (environment or {})
        process = subprocess.Popen(
            command, cwd=folder, env=merged, stdout=out, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{(folder / 'benchmark.out').read_text()[-4000:]}")
    return Run(seconds, usage.ru_maxrss / 1024)


def overrides(**keys: object) -> dict[str, str]:
    """Environment overrides: ``data__synthetic__users=5`` becomes CHURN__DATA__SYNTHETIC__USERS."""
    return {f"CHURN__{key.upper()}": str(value) for key, value in keys.items()}


def machine() -> str:
    """Name the machine: processors, memory, Python and the engine."""
    import duckdb

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()},"
        f" DuckDB {duckdb.__version__}"
    )
