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
import json
import random
import shutil
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

import yaml
from workspace import ROOT, machine, make

sys.path.insert(0, str(ROOT))
from tests.killing import differing, finish, is_locked, kill, left

HISTORY_DAYS, DAYS_BEFORE = 130, 3


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
    tree["promotion"] |= {"min_rows": 50, "min_users": 20, "confidence": 0.5, "max_slice_drop": 1.0}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    finish(folder, ["dvc", "repro", "-q"])
    for _ in range(DAYS_BEFORE):
        finish(folder, ["churn", "daily"])
    return folder


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
            found = differing(expected, left(folder))
            if is_locked(folder):
                found.append("the lock is held")
            if found:
                wrong.append({"after": round(after, 2), "differing": found[:10]})
                print(f"killed after {after:.2f} s: {found[:10]}", flush=True)
            shutil.rmtree(folder)
    told = {"what": args.what, "points": args.points, "killed": killed, "wrong": wrong}
    told |= {"users": args.users, "seconds": round(seconds, 1), "machine": machine()}
    print(json.dumps(told))
    if wrong:
        raise SystemExit(1)


def _day(after: int) -> date:
    return date(2025, 1, 1) + timedelta(days=HISTORY_DAYS + after)


if __name__ == "__main__":
    main()
