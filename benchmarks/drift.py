"""Error rates of `churn drift-check`: alarms without drift, and faults found.

Usage: python benchmarks/drift.py [--days 500] [--runs 200] [--users 200 2000 20000]

The days are those of benchmarks/drift_world.py; people and their reference are new for every ten.
`python benchmarks/drift_portal.py` lives through the consecutive days of the synthetic portal
instead, `python benchmarks/drift_peers.py` shows other tools' numbers beside these.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

# Two processes check days; threads within each would only compete.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from drift_world import FAULTS, REFERENCE_DAYS, START, Fault, history, on, people, reference
from workspace import machine

from churn_mlops.monitoring.day import day_of
from churn_mlops.monitoring.drift import check
from churn_mlops.monitoring.report import Report
from churn_mlops.monitoring.structure import volume
from churn_mlops.params import DriftCheck

SETTINGS = DriftCheck(moves_by_itself=("tenure",))
DAYS_PER_REFERENCE = 10
POWER_USERS = 2_000


def reports(
    fault: Fault | None, users: int, block: int, days: int = DAYS_PER_REFERENCE
) -> list[Report]:
    """Check so many days against one reference of their own."""
    rng = np.random.default_rng(
        [users, block, 0 if fault is None else 1 + [f.name for f in FAULTS].index(fault.name)]
    )
    who = people(rng, users)
    against = reference(rng, who, users)
    found = []
    for n in range(days):
        day = START + timedelta(days=REFERENCE_DAYS + 30 + (block * days + n) % 365)
        made = on(rng, day, who, users)
        if fault is not None:
            fault.inject(made, rng)
        noticed = list(volume(history(rng, day, made)))
        report = check(against, day_of(day, made, against), noticed, SETTINGS, seed=n)
        found.append(report)
    return found


def outcome(fault: Fault | None, users: int, block: int) -> list[tuple[str, str | None]]:
    """Status and the column of the first line, per day."""
    return [
        (r.status, (r.findings[0].column or "users") if r.findings else None)
        for r in reports(fault, users, block)
    ]


def false_alarms(pool: multiprocessing.pool.Pool, users: int, days: int) -> list[str]:
    """A row of the table: shares of days that FAIL, and that FAIL or WARN."""
    started = time.perf_counter()
    blocks = pool.map(partial(outcome, None, users), range(days // DAYS_PER_REFERENCE))
    statuses = Counter(status for block in blocks for status, _ in block)
    named = Counter(column for block in blocks for _, column in block if column)
    seconds = (time.perf_counter() - started) * 2 / days
    fail, warn = statuses["FAIL"] / days, statuses["WARN"] / days
    why = ", ".join(f"{name} {count}" for name, count in named.most_common(3)) or "none"
    return [f"{users:,}", f"{fail:.1%}", f"{warn:.1%}", why, f"{seconds:.2f}"]


def power(pool: multiprocessing.pool.Pool, fault: Fault, runs: int) -> list[str]:
    """A row of the table: shares of runs in which the fault was found, and named first."""
    blocks = pool.map(partial(outcome, fault, POWER_USERS), range(runs // DAYS_PER_REFERENCE))
    days = [day for block in blocks for day in block]
    found = sum(status != "OK" for status, _ in days) / len(days)
    failed = sum(status == "FAIL" for status, _ in days) / len(days)
    named = sum(column in fault.columns for _, column in days) / len(days)
    return [fault.name, f"{found:.1%}", f"{named:.1%}", f"{failed:.1%}"]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--days", type=int, default=500)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--users", type=int, nargs="*", default=[200, 2_000, 20_000])
    arguments = parser.parse_args()
    print(machine(), flush=True)
    with multiprocessing.Pool(2) as pool:
        print(
            "\n| users a day | FAIL | WARN | first lines | seconds a check |\n|---|---|---|---|---|"
        )
        for users in arguments.users:
            print(_row(false_alarms(pool, users, arguments.days)), flush=True)
        print("\n| fault | found | named first | of these FAIL |\n|---|---|---|---|")
        for fault in FAULTS:
            print(_row(power(pool, fault, arguments.runs)), flush=True)


if __name__ == "__main__":
    main()
