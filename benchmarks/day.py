"""Does a day cost a day? `churn daily` after some and after many days of history.

For each mark a portal in which as many users are present on that day: the pipeline runs once up to
some days before it, then days are lived one by one, each a process, and the last ones measured.

    python benchmarks/day.py --users 20000 --first 100 --last 400
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from workspace import machine, make, run

from churn_mlops.data.generate_synthetic import user_count
from churn_mlops.loop.stage import MAX_TEST_DAYS
from churn_mlops.params import Synthetic

START = date(2025, 1, 1)
SAMPLE = 5


def portal_of(present: int, mark: int) -> int:
    """`data.synthetic.users` of a portal in which so many have signed up by a day."""
    scale = 100_000
    return round(present * scale / user_count(Synthetic(users=scale), START, mark - 1))


def prepare(folder: Path, users: int, days: int) -> Path:
    """A workspace with a portal of so many days and a champion."""
    make(folder, git=True)
    tree = yaml.safe_load((folder / "params.yaml").read_text())
    tree["tables"]["format"] = "parquet"
    tree["data"]["synthetic"] |= {"users": users, "days": days, "dirt": {"late": 0.02}}
    # The early mark has too few days to choose the rounds by; at both the model is as large.
    tree["training"]["candidate"]["rounds"] = 100
    tree["training"]["max_test_days"] = MAX_TEST_DAYS
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    run(["dvc", "repro", "-q"], folder)
    return folder


def live(folder: Path, until: date) -> None:
    """Live up to a day in one process."""
    code = (
        "from datetime import date; from churn_mlops import params;"
        "from churn_mlops.loop import daily;"
        f"daily.run(params.load('params.yaml'), date.fromisoformat('{until}'))"
    )
    run([sys.executable, "-c", code], folder)


def measured(folder: Path) -> dict[str, float]:
    """Live some days, each a process; the median seconds of each step, and of the process."""
    days = []
    for _ in range(SAMPLE):
        started = time.perf_counter()
        run(["churn", "daily"], folder)
        whole = time.perf_counter() - started
        log = max((folder / "artifacts" / "daily").glob("*.json"))
        steps = {one["step"]: one["seconds"] for one in json.loads(log.read_text())["steps"]}
        days.append(steps | {"process": whole})
    return {name: statistics.median(day[name] for day in days) for name in days[0]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--last", type=int, default=400)
    parser.add_argument("--lived", type=int, default=15, help="days lived before those measured")
    args = parser.parse_args()
    found: dict[int, dict[str, float]] = {}
    for mark in (args.first, args.last):
        with tempfile.TemporaryDirectory(prefix="churn-day-") as root:
            before = mark - SAMPLE - args.lived
            folder = prepare(Path(root) / "portal", portal_of(args.users, mark), before)
            live(folder, START + timedelta(days=mark - SAMPLE - 1))
            found[mark] = measured(folder)
    first, last = found[args.first], found[args.last]
    print(f"{'step':16} {'day ' + str(args.first):>10} {'day ' + str(args.last):>10} {'ratio':>7}")
    for name, before_it in first.items():
        ratio = last[name] / before_it if before_it else float("nan")
        print(f"{name:16} {before_it:10.2f} {last[name]:10.2f} {ratio:7.2f}")
    told: dict[str, Any] = {"users": args.users, "seconds": found, "machine": machine()}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
