"""Sums over Spark's event log."""

from __future__ import annotations

import json
from pathlib import Path

import spark_events


def task(**metrics: object) -> dict[str, object]:
    return {"Event": "SparkListenerTaskEnd", "Task Metrics": metrics}


def test_all_tasks_of_all_applications_are_added_up(tmp_path: Path) -> None:
    shuffled = {"Remote Bytes Read": 5, "Local Bytes Read": 2}
    first = [
        {"Event": "SparkListenerApplicationStart", "App Name": "x"},
        task(**{"Disk Bytes Spilled": 10, "Memory Bytes Spilled": 30}),
        task(**{"Shuffle Read Metrics": shuffled, "Input Metrics": {"Bytes Read": 7}}),
    ]
    # A task that was lost has no metrics.
    second = [task(**{"Disk Bytes Spilled": 1}), {"Event": "SparkListenerTaskEnd"}]
    for name, events in (("app-1", first), ("app-2", second)):
        (tmp_path / name).write_text("\n".join(json.dumps(event) for event in events) + "\n")
    assert spark_events.totals(tmp_path) == {
        "disk_spilled_bytes": 11,
        "memory_spilled_bytes": 30,
        "shuffle_read_bytes": 7,
        "shuffle_written_bytes": 0,
        "input_bytes": 7,
    }


def test_the_log_goes_to_a_folder_in_plain_files(tmp_path: Path) -> None:
    conf = spark_events.conf(tmp_path)
    assert conf["spark.eventLog.dir"] == f"file://{tmp_path}"
    assert conf["spark.eventLog.compress"] == conf["spark.eventLog.rolling.enabled"] == "false"
