"""From lines of results to figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import scaling_figures
import workspace

from churn_mlops.planning.figures import load


def line(stage: str, run: int, seconds: float, **over: Any) -> dict[str, Any]:
    table = {"prepare-data": "user_daily", "generate-data": "users"}.get(stage, "labels_daily")
    return {
        "at": f"2025-01-0{run + 1}T00:00:00+00:00",
        "size": 10_000,
        "engine": "duckdb",
        "cores": 2,
        "stage": stage,
        "run": run,
        "seconds": seconds,
        "cpu_seconds": seconds,
        "peak_memory_bytes": int(seconds * 100),
        "python_workers_bytes": 0,
        "driver_bytes_read": 1,
        "bytes_read": 1,
        "bytes_written": 1,
        "storage_bytes_read": 1,
        "storage_bytes_written": 1,
        "scratch_peak_bytes": int(seconds),
        "memory_limit": "4GB",
        "days": 120,
        "tables": {table: {"rows": 9_990, "bytes": 500, "files": 1}},
        "counted": {},
        "machine": "a machine",
        "commit": "abc",
    } | over


def test_medians_of_time_and_the_most_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "figures.json"
    monkeypatch.setattr(scaling_figures, "PLACE", place)
    monkeypatch.setattr(workspace, "ROOT", tmp_path)
    failed = line("build-labels", 0, 5.0, failed="a\nb: no room") | {"tables": {}}
    lines = [line("prepare-data", run, seconds) for run, seconds in enumerate((9.0, 2.0, 4.0))]
    # Run 0 was repeated: what was measured later counts.
    lines += [line("generate-data", 0, 1.0), line("prepare-data", 0, 3.0), failed]
    results = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for path, some in zip(results, (lines[:2], lines[2:]), strict=True):
        path.write_text("\n".join(json.dumps(row) for row in some))
    scaling_figures.write_figures(results)
    figures = load(place)
    assert (figures.first_day, figures.last_day) == ("2025-01-01", "2025-01-03")
    (row,) = figures.of("duckdb", 2, "prepare-data")
    assert (row.runs, row.seconds, row.peak_memory_bytes, row.scratch_peak_bytes) == (
        3,
        3.0,
        400,
        4,
    )
    assert (row.user_days, row.users, row.output_rows, row.output_bytes) == (
        9_990,
        9_990,
        9_990,
        500,
    )
    (broken,) = [row for row in figures.rows if row.stage == "build-labels"]
    assert broken.failed == "b: no room"
    assert broken.seconds == 0
