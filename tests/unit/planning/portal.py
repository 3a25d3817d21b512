"""Figures of a made-up machine that keeps exact laws, so that a fit must find them again."""

from __future__ import annotations

from typing import Any

from churn_mlops.planning.figures import Figures, Row
from churn_mlops.planning.model import OF_ONE_DAY, STAGES

SIZES = (10_000, 100_000, 1_000_000, 12_000_000, 60_000_000)
DAYS = 120
# Seconds of every stage: fixed, and for each million user-days (or users) on two cores.
DUCKDB, SPARK = (2.0, 3.0), (20.0, 9.0)


def row(engine: str, stage: str, size: int, cores: int = 2, **over: Any) -> Row:
    fixed, per_million = DUCKDB if engine == "duckdb" else SPARK
    spark = engine == "spark"
    n = size // DAYS if stage in OF_ONE_DAY else size
    values: dict[str, Any] = {
        "users": size // DAYS,
        "user_days": size,
        "events": size,
        "days": DAYS,
        "runs": 1,
        "seconds": fixed + per_million * n / 1e6 * 2 / cores,
        "peak_memory_bytes": 300_000_000 + (50 if spark else 60) * n,
        "python_workers_bytes": 500_000_000 if spark else 0,
        "bytes_read": 40_000_000 + 50 * n,
        "driver_bytes_read": 40_000_000 + n,
        "output_bytes": 2_000 + 20 * n,
        "scratch_peak_bytes": 0 if spark else 80 * max(n - 4_000_000, 0),
        "disk_spilled_bytes": 90 * max(n - 5_000_000, 0) if spark else 0,
        "shuffle_read_bytes": 30 * n if spark else 0,
        "input_bytes": 25 * n if spark else 0,
        "memory_limit": "4GB",
        "executor_memory": "2g" if spark else "",
        "driver_memory": "2g" if spark else "",
    }
    return Row(engine=engine, cores=cores, stage=stage, size=size, **(values | over))


def figures(*more: Row) -> Figures:
    rows = [row("duckdb", stage, size) for stage in STAGES for size in SIZES]
    rows += [row("spark", stage, size) for stage in STAGES[1:] for size in SIZES]
    return Figures(("a machine",), ("abc",), "2025-01-01", "2025-01-02", (*rows, *more))
