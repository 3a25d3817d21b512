"""What Spark's event log says about an application's tasks: bytes read, spilled, shuffled."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# Our name: where a task's metrics hold it. Several places are added up.
METRICS: dict[str, tuple[tuple[str, ...], ...]] = {
    "disk_spilled_bytes": (("Disk Bytes Spilled",),),
    "memory_spilled_bytes": (("Memory Bytes Spilled",),),
    "shuffle_read_bytes": (
        ("Shuffle Read Metrics", "Remote Bytes Read"),
        ("Shuffle Read Metrics", "Local Bytes Read"),
    ),
    "shuffle_written_bytes": (("Shuffle Write Metrics", "Shuffle Bytes Written"),),
    "input_bytes": (("Input Metrics", "Bytes Read"),),
}


def conf(folder: Path) -> dict[str, str]:
    """Properties that make Spark write its event log to a folder, one plain file each.

    Vectored reads of Parquet are off: what they read is counted nowhere.
    """
    return {
        "spark.hadoop.parquet.hadoop.vectored.io.enabled": "false",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": folder.resolve().as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
    }


def totals(folder: Path) -> dict[str, int]:
    """The sums over all tasks of all applications that have logged to a folder.

    Memory spilled is the size that the rows had in memory, disk spilled what they took on disk.
    A task that failed counts as well: its work was done.
    """
    used = dict.fromkeys(METRICS, 0)
    for metrics in _tasks(folder):
        for name, places in METRICS.items():
            used[name] += sum(_at(metrics, place) for place in places)
    return used


def _tasks(folder: Path) -> Iterator[dict[str, Any]]:
    for log in sorted(path for path in folder.iterdir() if path.is_file()):
        with log.open(encoding="utf-8") as lines:
            for line in lines:
                if '"SparkListenerTaskEnd"' in line:
                    yield json.loads(line).get("Task Metrics") or {}


def _at(metrics: dict[str, Any], place: Iterable[str]) -> int:
    value: Any = metrics
    for name in place:
        value = value.get(name, {})
    return int(value or 0)
