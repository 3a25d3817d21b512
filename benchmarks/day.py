"""Does a day cost a day? `churn daily` after some and after many days of history.

Makes a portal, runs the pipeline up to a first day, lives on day by day in one process, and takes
the time of each day's steps around two marks: the medians of a few days after each.

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

START = date(2025, 1, 1)
SAMPLE = 5


def prepare(folder: Path, users: int, days: int) -> Path:
    """A workspace with a portal of so many days and a champion."""
    make(folder, git=True)
    tree = yaml.safe_load((folder / "params.yaml").read_text())
    tree["tables"]["format"] = "parquet"
    tree["data"]["synthetic"] |= {"users": users, "days": days, "dirt": {"late": 0.02}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    run(["dvc", "repro", "-q"], folder)
    return folder


def lived(folder: Path, count: int) -> list[dict[str, float]]:
    """Live so many days, each a process; the seconds of its steps, and of the process."""
    seconds = []
    for _ in range(count):
        started = time.perf_counter()
        run(["churn", "daily"], folder)
        whole = time.perf_counter() - started
        log = max((folder / "artifacts" / "daily").glob("*.json"))
        steps = {one["step"]: one["seconds"] for one in json.loads(log.read_text())["steps"]}
        seconds.append(steps | {"process": whole})
    return seconds


def medians(days: list[dict[str, float]]) -> dict[str, float]:
    """The median of each step."""
    return {name: statistics.median(day[name] for day in days) for name in days[0]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--last", type=int, default=400)
    args = parser.parse_args()
    found: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="churn-day-") as root:
        folder = prepare(Path(root) / "portal", args.users, args.first - SAMPLE)
        for mark in (args.first, args.last):
            ahead = START + timedelta(days=mark - SAMPLE - 1)
            code = (
                "from datetime import date; from churn_mlops import params;"
                "from churn_mlops.loop import daily;"
                f"daily.run(params.load('params.yaml'), date({ahead:%Y, %-m, %-d}))"
            )
            if mark != args.first:
                run([sys.executable, "-c", code], folder)
            found[mark] = medians(lived(folder, SAMPLE))
    first, last = found[args.first], found[args.last]
    print(f"{'step':16} {'day ' + str(args.first):>10} {'day ' + str(args.last):>10} {'ratio':>7}")
    for name, before in first.items():
        ratio = last[name] / before if before else float("nan")
        print(f"{name:16} {before:10.2f} {last[name]:10.2f} {ratio:7.2f}")
    told: dict[str, Any] = {"users": args.users, "seconds": found, "machine": machine()}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
