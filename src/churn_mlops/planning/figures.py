"""What was measured: a row per engine, cores, stage and size, as `figures.json` holds it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLACE = Path(__file__).with_name("figures.json")


@dataclass(frozen=True)
class Row:
    """One stage at one size: medians of its runs, of memory and scratch the most.

    Parameters
    ----------
    engine : str
        ``duckdb`` or ``spark``.
    cores : int
        Threads of DuckDB, or workers of Spark with a core each.
    stage : str
        As its command is named.
    size : int
        User-days that were aimed at; `user_days` are what became of it.
    users, user_days, events, days : int
    runs : int
    seconds, cpu_seconds : float
        From the start of the process to its end, imports included.
    peak_memory_bytes : int
        Resident, of the process and all that works for it.
    python_workers_bytes : int
        Of that, Spark's Python workers alone.
    bytes_read, bytes_written : int
        Through system calls, re-read temporary files included.
    driver_bytes_read : int
        Of that, what the stage's own process read: with Spark, what passes the driver.
    scratch_peak_bytes : int
        The most that lay in the engine's temporary files.
    output_bytes, output_rows : int
    table_bytes : dict of str to int
    disk_spilled_bytes, memory_spilled_bytes : int
        By Spark's tasks; 0 with DuckDB, whose spill is `scratch_peak_bytes`.
    shuffle_read_bytes, shuffle_written_bytes : int
        Between Spark's workers.
    input_bytes : int
        Read by Spark's scans of tables.
    memory_limit, executor_memory, driver_memory : str
        What the engine was allowed.
    failed : str
        Why it did not get to its end; empty if it did.
    """

    engine: str
    cores: int
    stage: str
    size: int
    users: int = 0
    user_days: int = 0
    events: int = 0
    days: int = 0
    runs: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    python_workers_bytes: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    driver_bytes_read: int = 0
    scratch_peak_bytes: int = 0
    output_bytes: int = 0
    output_rows: int = 0
    table_bytes: dict[str, int] = field(default_factory=dict)
    disk_spilled_bytes: int = 0
    memory_spilled_bytes: int = 0
    shuffle_read_bytes: int = 0
    shuffle_written_bytes: int = 0
    input_bytes: int = 0
    memory_limit: str = ""
    executor_memory: str = ""
    driver_memory: str = ""
    failed: str = ""


# Compared and hashed as objects, so that what is fitted to them can be kept.
@dataclass(frozen=True, eq=False)
class Figures:
    """All rows, and where and when they were measured (days as ISO dates)."""

    machines: tuple[str, ...]
    commits: tuple[str, ...]
    first_day: str
    last_day: str
    rows: tuple[Row, ...]

    def of(self, engine: str, cores: int | None = None, stage: str | None = None) -> list[Row]:
        """Rows of an engine (and cores, and a stage) that got to their end, by size."""
        found = (
            row
            for row in self.rows
            if row.engine == engine
            and cores in (None, row.cores)
            and stage in (None, row.stage)
            and not row.failed
        )
        return sorted(found, key=lambda row: row.size)


def load(path: Path = PLACE) -> Figures:
    """Read the measured rows that come with the package.

    Parameters
    ----------
    path : Path
    """
    return parse(json.loads(path.read_text(encoding="utf-8")))


def parse(body: dict[str, Any]) -> Figures:
    """Make figures of what JSON holds.

    Parameters
    ----------
    body : dict
        ``machines``, ``commits``, ``first_day``, ``last_day`` and ``rows``.

    Raises
    ------
    TypeError
        A row has a name that is not known.
    """
    return Figures(
        machines=tuple(body["machines"]),
        commits=tuple(body["commits"]),
        first_day=body["first_day"],
        last_day=body["last_day"],
        rows=tuple(Row(**row) for row in body["rows"]),
    )


def bytes_of(memory: str) -> float:
    """``512m`` or ``2g`` of Spark, ``4GB`` or ``4GiB`` of DuckDB, in bytes.

    Parameters
    ----------
    memory : str

    Raises
    ------
    ValueError
        It is no such size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s?([mgt])(i?b)?", memory.lower())
    if match is None:
        raise ValueError(f"'{memory}' is no size of memory such as 512m or 4GB")
    # Only DuckDB's GB are thousands of thousands.
    base = 1_000 if match[3] == "b" else 1_024
    return float(match[1]) * math.pow(base, 2 + "mgt".index(match[2]))
