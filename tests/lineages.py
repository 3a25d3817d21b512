"""A workspace in git whose models have been trained by DVC and registered with a real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import workspaces

# The smallest portal whose first model passes the gate.
SMALL = {
    "data": {"synthetic": {"users": 400, "days": 110}},
    "churn": {"window_days": 14},
    "scoring": {"top_k": 20},
    "evaluation": {"resamples": 50},
}
# Known to the environment only: DVC does not see it, and without it another model comes out.
OVERRIDE = ("CHURN__TRAINING__SEED=7",)


@dataclass(frozen=True)
class Origin:
    """Where a test's models come from: a workspace with everything in place, and its registry."""

    folder: Path
    tracking: str

    def copy(self, to: Path) -> Path:
        """A copy of the workspace that a test may change."""
        shutil.copytree(self.folder, to, symlinks=True)
        return to


def make(folder: Path, tracking: str) -> Origin:
    """Commit the code, run the pipeline, commit dvc.lock."""
    over = SMALL | {"tracking": {"uri": tracking, "timeout_seconds": 30}}
    workspaces.make(folder, over)
    (folder / ".gitignore").write_text("__pycache__/\n/data/\n/artifacts/\n")
    commit(folder, "the code")
    workspaces.run(folder, "env", *OVERRIDE, "dvc", "repro")
    commit(folder, "what it gave")
    return Origin(folder, tracking)


def commit(folder: Path, message: str) -> None:
    """Commit everything that git does not ignore."""
    who = ["-c", "user.name=tests", "-c", "user.email=tests@example.org"]
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    command = ["git", *who, "commit", "-q", "--allow-empty", "-m", message]
    subprocess.run(command, cwd=folder, check=True)


def reproduce(folder: Path, *options: str, code: int = 0) -> dict[str, Any]:
    """Run `churn reproduce` in a workspace; the facts that it tells, or its error as ``error``."""
    done = workspaces.run(folder, "churn", "reproduce", *options, "--json", code=code)
    if not done.stdout.strip():
        return {"error": done.stderr}
    facts: dict[str, Any] = json.loads(done.stdout)["facts"]
    return facts


def family(folder: Path) -> str:
    """The family that was registered."""
    report = json.loads((folder / "artifacts/metrics/promotion.json").read_text())
    return str(report["challenger"]["name"])


def files(folder: Path) -> dict[str, float]:
    """Every file of a workspace with the time of its last change: to see that none was touched."""
    found = (p for p in folder.rglob("*") if p.is_file())
    kept = (p for p in found if "__pycache__" not in p.parts and ".git" not in p.parts)
    return {str(p.relative_to(folder)): os.stat(p).st_mtime for p in kept}
