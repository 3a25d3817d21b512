"""Time and peak memory of every stage, each a process of its own, at one or more sizes.

Usage: python benchmarks/pipeline.py --users 2000 [--users 100000 ...] [--days 120]
           [--format csv] [--runs 3] [--dvc] [--set KEY=VALUE] [--keep FOLDER]

With --dvc, a cold `dvc repro` of everything is timed instead: processes, imports and DVC itself
included. Medians over the runs; at several sizes also the ratio to the size before.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

import workspace


def stages(folder: Path, environment: dict[str, str]) -> dict[str, workspace.Run]:
    """Run all stages once, in order."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    measured = {}
    for stage in workspace.STAGES:
        measured[stage] = workspace.run(["churn", stage], folder, environment)
        run = measured[stage]
        print(f"    {stage:<20} {run.seconds:8.1f} s {run.peak_mb:8.0f} MB", flush=True)
    return measured


def repro(folder: Path, users: int, days: int, table_format: str) -> workspace.Run:
    """A cold `dvc repro`: no outputs, no cache, no MLflow store."""
    shutil.rmtree(folder, ignore_errors=True)
    workspace.make(folder, git=True)
    params = folder / "params.yaml"
    text = params.read_text()
    for old, new in (
        ("users: 2000", f"users: {users}"),
        ("days: 120", f"days: {days}"),
        ("format: csv", f"format: {table_format}"),
    ):
        text = text.replace(old, new, 1)
    params.write_text(text)
    return workspace.run(["dvc", "repro"], folder)


def main() -> None:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--users", type=int, action="append", required=True)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--format", default="csv", choices=["csv", "parquet"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dvc", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    base = args.keep or Path(tempfile.mkdtemp(prefix="churn-benchmark-"))
    print(f"{workspace.machine()}; {args.days} days, {args.format}, {args.runs} runs\n")
    before: float | None = None
    for users in args.users:
        if args.dvc:
            runs = [repro(base / "repro", users, args.days, args.format) for _ in range(args.runs)]
            total = statistics.median(run.seconds for run in runs)
            print(
                f"{users:,} users: dvc repro {total:.1f} s (all: "
                f"{', '.join(f'{run.seconds:.1f}' for run in runs)})"
            )
        else:
            folder = workspace.make(base / f"stages-{users}")
            environment = workspace.overrides(
                data__synthetic__users=users,
                data__synthetic__days=args.days,
                tables__format=args.format,
            ) | dict(pair.split("=", 1) for pair in args.set)
            runs_by_stage = [stages(folder, environment) for _ in range(args.runs)]
            print("\n| stage | seconds | peak MB |\n|---|---|---|")
            total = 0.0
            for stage in workspace.STAGES:
                seconds = statistics.median(run[stage].seconds for run in runs_by_stage)
                peak = max(run[stage].peak_mb for run in runs_by_stage)
                total += seconds
                print(f"| {stage} | {seconds:.1f} | {peak:,.0f} |")
            print(f"| **all, {users:,} users** | **{total:.1f}** | |\n")
        if before:
            print(f"ratio to the size before: {total / before:.2f}\n")
        before = total
    if not args.keep:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
