"""`churn build-features` against its I/O floor, in turns, as whole processes.

The floor is the same engine with the same limits reading the same input and writing a table with
the same rows and as many columns of the same types, copied from input columns, not computed.

Usage: python benchmarks/features_floor.py --users 100000 [--days 120] [--format csv] [--runs 5]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import workspace


def floor() -> None:
    """Read user_daily and write a table of the shape of user_features_daily."""
    from churn_mlops import engine, params
    from churn_mlops.features.catalogue import features_contract
    from churn_mlops.tables import Writer, contracts, scan
    from churn_mlops.tables.parts import hold, user_ranges

    loaded = params.load()
    shape = features_contract(loaded)
    with engine.connect(loaded) as con:
        users = scan(con, contracts.users(loaded, "processed"), loaded)
        daily = scan(con, contracts.user_daily(loaded), loaded)
        days = engine.value(con, daily.as_of_date.nunique())
        ranges = user_ranges(con, users, days, loaded)
        daily = hold(con, daily, ranges, loaded)
        stand_in = {"string": "user_id", "float64": "watch_minutes_sum"}
        with Writer(shape, loaded, Path("floor") / shape.path(loaded).name) as out:
            for part in ranges:
                rows = part.of(daily)
                columns = {
                    column.name: rows[
                        column.name
                        if column.name in rows.columns
                        else stand_in.get(column.type, "total_events")
                    ]
                    for column in shape.columns
                }
                out.append(con, rows.select(**columns))


def main() -> None:
    """Prepare once, then measure both in turns."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--format", default="csv", choices=["csv", "parquet"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a workspace of benchmarks/pipeline.py --keep")
    args = parser.parse_args()
    environment = workspace.overrides(
        data__synthetic__users=args.users,
        data__synthetic__days=args.days,
        tables__format=args.format,
    )
    base = args.keep or Path(tempfile.mkdtemp(prefix="churn-benchmark-"))
    folder = workspace.make(base / f"stages-{args.users}")
    if not (folder / "data/processed").exists():
        for stage in workspace.STAGES[:3]:
            workspace.run(["churn", stage], folder, environment)
    ours, floors = [], []
    command = [sys.executable, str(Path(__file__).resolve()), "--floor"]
    for turn in range(args.runs + 1):
        floor_run = workspace.run(command, folder, environment)
        our_run = workspace.run(["churn", "build-features"], folder, environment)
        if turn:
            floors.append(floor_run)
            ours.append(our_run)
    ratios = [a.seconds / b.seconds for a, b in zip(ours, floors, strict=True)]
    print(f"{workspace.machine()}; {args.users:,} users, {args.days} days, {args.format}")
    print(
        f"| build_features | {statistics.median(r.seconds for r in ours):.1f} s"
        f" | peak {max(r.peak_mb for r in ours):,.0f} MB |"
    )
    print(
        f"| floor | {statistics.median(r.seconds for r in floors):.1f} s"
        f" | peak {max(r.peak_mb for r in floors):,.0f} MB |"
    )
    print(
        f"| ratio, pair by pair | {statistics.median(ratios):.2f}"
        f" | {min(ratios):.2f} to {max(ratios):.2f} |"
    )
    if not args.keep:
        shutil.rmtree(base)


if __name__ == "__main__":
    if "--floor" in sys.argv:
        sys.path.insert(0, os.getcwd())
        floor()
    else:
        main()
