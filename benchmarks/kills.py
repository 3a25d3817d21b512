"""Kills `churn daily` or `churn retrain` at random moments and runs it again.

For every kill a copy of the same workspace is taken, the command started, killed with SIGKILL
(with all that it has started) after a random share of its time, and run again to its end. Then
every file must be, byte for byte, what an undisturbed run leaves, nothing half-written may lie
about, and no lock may be held. What carries a clock or a registry's counter is compared by what
it says: the ledger by its decisions, a day's log without its seconds.

    python benchmarks/kills.py --what daily --points 50
    python benchmarks/kills.py --what retrain --points 50
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from workspace import machine, make

BIN = Path(sys.executable).parent
HISTORY_DAYS, DAYS_BEFORE = 130, 3
# MLflow's store names runs by chance; caches and logs of tools say nothing about the work.
OUTSIDE = (
    ".git",
    ".dvc/tmp",
    ".dvc/cache",
    "artifacts/cache",
    "mlruns",
    "src",
    "scripts",
    "kills.out",
)
LEDGER, PROMOTION = "artifacts/ledger.jsonl", "artifacts/metrics/promotion.json"
LOCK = "artifacts/.lock"


def prepare(folder: Path, users: int) -> Path:
    """A workspace with a champion and some days of daily work behind it."""
    make(folder, git=True)
    tree = yaml.safe_load((folder / "params.yaml").read_text())
    tree["tables"]["format"] = "parquet"
    tree["data"]["synthetic"] |= {
        "users": users,
        "days": HISTORY_DAYS,
        "dirt": {"duplicates": 0.002, "late": 0.05, "unknown_users": 0.001, "impossible_values": 0},
    }
    tree["training"]["candidate"]["rounds"] = 20
    tree["promotion"] |= {"min_rows": 50, "min_users": 20}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    finish(folder, ["dvc", "repro", "-q"])
    for _ in range(DAYS_BEFORE):
        finish(folder, ["churn", "daily"])
    return folder


def environment() -> dict[str, str]:
    """This environment's programs, and no clock of wall time in the data."""
    return os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def start(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    """Start a command as the leader of a group of processes."""
    with (folder / "kills.out").open("ab") as out:
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
        told = (folder / "kills.out").read_text()[-3000:]
        raise SystemExit(f"{' '.join(command)} ended with {code} in {folder}:\n{told}")
    return time.perf_counter() - started


def kill(folder: Path, command: list[str], after: float) -> bool:
    """Start a command and kill it; returns whether it was still running."""
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


def main() -> None:
    """Kill and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", choices=("daily", "retrain"), default="daily")
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--users", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    command = ["churn", "daily", "--as-of", str(_day(DAYS_BEFORE))]
    if args.what == "retrain":
        command = ["churn", "retrain", "--reason", "a test of being killed"]
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="churn-kills-") as root:
        base = prepare(Path(root) / "base", args.users)
        calm = Path(shutil.copytree(base, Path(root) / "calm", symlinks=True))
        seconds = finish(calm, command)
        expected = left(calm)
        killed, wrong = 0, []
        for point in range(args.points):
            folder = Path(shutil.copytree(base, Path(root) / f"{point}", symlinks=True))
            after = seconds * (point + rng.random()) / args.points
            killed += kill(folder, command, after)
            finish(folder, command)
            differing = _differing(expected, left(folder))
            if is_locked(folder):
                differing.append("the lock is held")
            if differing:
                wrong.append({"after": round(after, 2), "differing": differing[:10]})
                print(f"killed after {after:.2f} s: {differing[:10]}", flush=True)
            shutil.rmtree(folder)
    told = {"what": args.what, "points": args.points, "killed": killed, "wrong": wrong}
    told |= {"users": args.users, "seconds": round(seconds, 1), "machine": machine()}
    print(json.dumps(told))
    if wrong:
        raise SystemExit(1)


def _day(after: int) -> Any:
    from datetime import date, timedelta

    return date(2025, 1, 1) + timedelta(days=HISTORY_DAYS + after)


def _differing(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    names = sorted({*expected, *found})
    return [name for name in names if expected.get(name) != found.get(name)]


if __name__ == "__main__":
    main()
