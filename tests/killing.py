"""Commands that are killed in the middle, and what a workspace holds afterwards."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

BIN = Path(sys.executable).parent
# MLflow's store names runs by chance; caches and logs of tools say nothing about the work.
OUTSIDE = (
    ".git",
    ".dvc/tmp",
    ".dvc/cache",
    "artifacts/cache",
    "mlruns",
    "src",
    "scripts",
    "killed.out",
)
LEDGER, PROMOTION = "artifacts/ledger.jsonl", "artifacts/metrics/promotion.json"
LOCK = "artifacts/.lock"


def environment() -> dict[str, str]:
    """This environment's programs, and no clock of wall time in the data."""
    return os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def start(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    """Start a command as the leader of a group of processes."""
    with (folder / "killed.out").open("ab") as out:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish(folder: Path, command: list[str]) -> float:
    """Run a command to its end and return its seconds.

    Raises
    ------
    SystemExit
        It failed.
    """
    started = time.perf_counter()
    code = start(folder, command).wait()
    if code:
        told = (folder / "killed.out").read_text()[-3000:]
        raise SystemExit(f"{' '.join(command)} ended with {code} in {folder}:\n{told}")
    return time.perf_counter() - started


def kill(folder: Path, command: list[str], after: float) -> bool:
    """Start a command and kill it; returns whether it was still running.

    The DVC of `churn retrain` has a group of its own and is killed by the end of this one, a moment
    later. That is not waited for: who comes next must.
    """
    process = start(folder, command)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def left(folder: Path) -> dict[str, str]:
    """What a workspace holds: every file's digest, or what it says."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.startswith(OUTSIDE) or name.startswith("mlflow.db"):
            continue
        found[name] = _said(name, path)
    return found


def _said(name: str, path: Path) -> str:
    if name == LEDGER:
        entries = [json.loads(line) for line in path.read_text().splitlines()]
        return json.dumps([_decision(entry) for entry in entries])
    if name == PROMOTION:
        return json.dumps(_without(json.loads(path.read_text()), "registered"))
    if name.startswith("artifacts/daily/"):
        body = _without(json.loads(path.read_text()), "seconds")
        # What was brought in before the kill is not new any more.
        body["steps"] = [one for one in body["steps"] if one["step"] != "ingest"]
        return json.dumps(body)
    if name == "dvc.lock":
        # The metrics file has the registry's number in it, and so another digest.
        tree = yaml.safe_load(path.read_text())
        for stage in tree["stages"].values():
            stage["outs"] = [out for out in stage.get("outs", []) if out["path"] != PROMOTION]
        return json.dumps(tree)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _decision(entry: dict[str, Any]) -> list[Any]:
    facts = entry["facts"]
    return [entry["action"], facts.get("reason"), (facts.get("challenger") or {}).get("version")]


def _without(body: Any, key: str) -> Any:
    if isinstance(body, dict):
        return {name: _without(value, key) for name, value in body.items() if name != key}
    return [_without(one, key) for one in body] if isinstance(body, list) else body


def is_locked(folder: Path) -> bool:
    """Whether anybody holds the workspace."""
    with (folder / LOCK).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def differing(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    names = sorted({*expected, *found})
    return [name for name in names if expected.get(name) != found.get(name)]
