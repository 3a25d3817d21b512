"""Alarms of `churn drift-check` on a portal where nothing happens, day after day for 500 days.

Usage: python benchmarks/drift_portal.py [--users 345 3450 34500] [--days 500] [--folder DIR]

The synthetic portal runs for 760 days without any planned change. The champion is trained on the
first 240 of them and never replaced: what is compared are the real features of consecutive days,
weekends, ends of months, with reference days up to 17 months
older. `--folder` keeps the built portals, so that a second run is fast.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
from collections import Counter
from datetime import date, timedelta
from functools import partial
from pathlib import Path

# Two processes check days; threads within each would only compete.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import ibis
import numpy as np
from workspace import machine, make, overrides, run

from churn_mlops import engine, params
from churn_mlops.monitoring.day import daily_totals, history_of, open_features, read_day
from churn_mlops.monitoring.drift import check
from churn_mlops.monitoring.reference import reference_for
from churn_mlops.monitoring.structure import volume
from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.registry.champion import load_champion, production_folder

STAGES = (
    "generate-data",
    "validate-data",
    "prepare-data",
    "build-features",
    "build-labels",
    "build-training-set",
    "train-candidate",
)
# The first day that a champion tested up to 2025-08-28 can meet.
FIRST = date(2025, 9, 12)
BLOCK = 25

Found = tuple[str, str | None, str | None, int]


def settings(users: int) -> dict[str, str]:
    """The portal's parameters as overrides."""
    return overrides(
        tables__format="parquet",
        data__synthetic__users=users,
        data__synthetic__days=760,
        training__test_start="2025-06-06",
        training__test_end="2025-08-28",
        training__max_rows=200_000,
    )


def build(folder: Path, users: int) -> Path:
    """Run the stages up to a model, which becomes champion; nothing when that was done before."""
    os.chdir(make(folder))
    loaded = params.load("params.yaml", environment=settings(users))
    if not production_folder(loaded).exists():
        for stage in STAGES:
            run(["churn", stage], folder, settings(users))
        copy_bundle(Path(loaded.paths.artifacts) / "models/candidate", production_folder(loaded))
    return folder


def block(folder: Path, users: int, first: int, days: int) -> list[Found]:
    """Check some consecutive days: status, check and column of the first finding, users."""
    os.chdir(folder)
    loaded = params.load("params.yaml", environment=settings(users))
    bundle = load_champion(loaded)
    reference = reference_for(bundle)
    start, end = (FIRST + timedelta(days=n) for n in (first, min(first + BLOCK, days) - 1))
    found: list[Found] = []
    with engine.connect(loaded) as con:
        table = open_features(con, bundle.meta, loaded)
        totals = daily_totals(table, loaded)
        some = table.filter(table.as_of_date.between(ibis.literal(start), ibis.literal(end)))
        held = con.create_table("held", some, temp=True)
        for n in range((end - start).days + 1):
            history = history_of(totals, start + timedelta(days=n))
            day = read_day(con, held, history, bundle, reference, loaded)
            noticed = list(volume(history))
            report = check(reference, day, noticed, loaded.monitoring.drift, seed=1)
            top = report.findings[0] if report.findings else None
            found.append(
                (report.status, top and top.check, top and (top.column or "users"), day.users)
            )
    return found


def live(pool: multiprocessing.pool.Pool, folder: Path, users: int, days: int) -> str:
    """A row of the table."""
    blocks = pool.map(partial(block, folder, users, days=days), range(0, days, BLOCK), chunksize=1)
    found = [day for part in blocks for day in part]
    statuses = Counter(status for status, *_ in found)
    why = Counter(f"{check} {column}" for _, check, column, _ in found if check)
    told = ", ".join(f"{name} ({count})" for name, count in why.most_common(4)) or "none"
    middle = int(np.median([users for *_, users in found]))
    fail, warn = (statuses[name] / len(found) for name in ("FAIL", "WARN"))
    return f"| {middle:,} | {len(found)} | {fail:.1%} | {warn:.1%} | {told} |"


def main() -> None:
    """Print a table with a row per portal."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--users", type=int, nargs="*", default=[345, 3_450, 34_500])
    parser.add_argument("--days", type=int, default=500)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    root = (arguments.folder or Path(tempfile.mkdtemp(prefix="churn-portal-"))).resolve()
    print(machine(), flush=True)
    print("\n| users to score a day | days | FAIL | WARN | first findings |\n|---|---|---|---|---|")
    with multiprocessing.Pool(2) as pool:
        for users in arguments.users:
            folder = build(root / str(users), users)
            print(live(pool, folder, users, arguments.days), flush=True)


if __name__ == "__main__":
    main()
