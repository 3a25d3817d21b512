"""The workflows of .github as data, and a small runner for the commands of one job."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.workspaces import BIN, ROOT

FOLDER = ROOT / ".github/workflows"
FILES = sorted(FOLDER.glob("*.yml"))
NAMES = [path.stem for path in FILES]
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")

Tree = dict[str, Any]


def workflow(name: str) -> Tree:
    tree: Tree = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
    # YAML 1.1 takes the key `on` for true.
    tree["on"] = tree.pop(True)  # type: ignore[call-overload]
    return tree


def steps(name: str) -> Iterator[tuple[str, Tree]]:
    """Every step of a workflow with its job's name."""
    for job, body in workflow(name)["jobs"].items():
        for step in body.get("steps", []):
            yield job, step


def commands(name: str) -> list[str]:
    return [step["run"] for _, step in steps(name) if "run" in step]


@dataclass
class Runner:
    """Runs a job's `run:` steps in a folder as GitHub's runner does; others are left out."""

    folder: Path
    home: Path
    # What expressions such as `vars.REGISTRY` come to.
    values: Mapping[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    # Programs that stand in for those that need GitHub.
    fakes: Path | None = None

    def __post_init__(self) -> None:
        self.home.mkdir()
        for name in ("env", "path", "output", "summary"):
            (self.home / name).touch()

    def text(self, name: str) -> str:
        """What the steps wrote to one of GitHub's files: env, path, output or summary."""
        return (self.home / name).read_text()

    def filled(self, text: str) -> str:
        return EXPRESSION.sub(lambda found: self.values[found[1]], text)

    def run(self, job: Tree, leave_out: tuple[str, ...] = ()) -> list[str]:
        """Run the steps in their order; all that they printed, step by step."""
        printed = []
        for step in job["steps"]:
            if "run" not in step or step["run"] in leave_out:
                continue
            assert not EXPRESSION.search(step["run"]), "values go through the environment"
            printed.append(self._step(step["run"], job.get("env", {}) | step.get("env", {})))
        return printed

    def _step(self, script: str, given: Mapping[str, Any]) -> str:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "CHURN__"))}
        written = (line.partition("=") for line in self.text("env").splitlines())
        path = [str(self.fakes)] if self.fakes else []
        path += reversed(self.text("path").splitlines())
        path += [one for one in os.environ["PATH"].split(os.pathsep) if Path(one) != BIN]
        environment = (
            kept
            | {
                f"GITHUB_{name.upper()}": str(self.home / name)
                for name in ("env", "path", "output")
            }
            | {"GITHUB_STEP_SUMMARY": str(self.home / "summary"), "CI": "true"}
            | {name: value for name, _, value in written}
            | self.environment
            | {name: self.filled(str(value)) for name, value in given.items()}
            | {"PATH": os.pathsep.join(path)}
        )
        bash = shutil.which("bash") or "bash"
        done = subprocess.run(
            [bash, "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


def git(folder: Path, *command: str) -> str:
    """What git says, asked in a folder by somebody with a name."""
    who = ("-c", "user.name=tests", "-c", "user.email=tests@example.org")
    done = subprocess.run(
        ["git", *who, *command], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def cloned(origin: Path, folder: Path, *options: str) -> Path:
    """A clone with this environment, as `make .venv/.ready` would make it in minutes."""
    git(ROOT, "clone", "-q", *options, str(origin), str(folder))
    (folder / ".venv").symlink_to(BIN.parent)
    return folder


def fake_gh(folder: Path) -> Path:
    """A `gh` that writes down what it is asked for; `open` beside it is the open pull request."""
    folder.mkdir(exist_ok=True)
    gh = folder / "gh"
    gh.write_text(
        '#!/bin/sh\ncd "$(dirname "$0")"\n'
        'case "$1 $2" in\n'
        '"pr list") if [ -f open ]; then cat open; fi ;;\n'
        '"pr create") echo 7 >open; echo "$@" >>asked; shift 8; cat "$2" >body ;;\n'
        '*) echo "$@" >>asked ;;\n'
        "esac\n"
    )
    gh.chmod(0o755)
    return folder
