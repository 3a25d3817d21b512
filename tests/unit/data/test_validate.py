"""The gate: report, quarantine, calendar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.data import generate_data, validate
from churn_mlops.errors import NotEnoughDataError, QuarantineError
from tests.unit.data import source


def gate(folder: Path, files: dict[str, bytes], over: dict[str, Any] | None = None) -> Any:
    source.lay_out(folder, files)
    params = source.params(over)
    generate_data.run(params)
    validate.run(params)
    return json.loads((folder / "data/validation/report.json").read_text())


def test_a_clean_log_passes_and_quarantine_is_empty(workspace: Path) -> None:
    report = gate(workspace, source.good_files())
    assert report["status"] == "passed"
    assert report["calendar"] == {"first_day": "2025-01-01", "last_day": "2025-02-09"}
    for name in ("users", "events", "subscriptions"):
        lines = (workspace / f"data/validation/quarantine_{name}.csv").read_text().splitlines()
        assert len(lines) == 1
        assert lines[0].endswith(",check")


def test_without_dates_the_calendar_comes_from_good_rows(workspace: Path) -> None:
    files = source.with_events("9001,1,2099-01-01,login,,,,", "9002,77,2020-01-01,login,,,,")
    over = {"data": {"start_date": None, "end_date": None}}
    days = gate(workspace, files, over)["calendar"]
    last = max(row.split(",")[2][:10] for row in source.events())
    assert days == {"first_day": "2025-01-01", "last_day": last}


@pytest.mark.parametrize(("share", "closes"), [(0.0, True), (0.004, True), (0.5, False)])
def test_the_share_decides(workspace: Path, share: float, closes: bool) -> None:
    files = source.with_events("9001,77,2025-01-05,login,,,,")
    over = {"validation": {"max_quarantine_share": share}}
    if not closes:
        assert gate(workspace, files, over)["status"] == "passed"
        return
    with pytest.raises(QuarantineError, match=r"CHN120 unknown user: 1"):
        gate(workspace, files, over)


def test_the_dirt_of_the_portal_is_found(workspace: Path, make_params: Any) -> None:
    dirt = {"duplicates": 0.02, "late": 0.02, "unknown_users": 0.01, "impossible_values": 0.02}
    over: dict[str, Any] = {
        "data": {"synthetic": {"users": 150, "days": 60, "dirt": dirt}},
        "validation": {"max_quarantine_share": 1.0},
    }
    params = make_params(over)
    generate_data.run(params)
    validate.run(params)
    report = json.loads((workspace / "data/validation/report.json").read_text())
    events = report["tables"]["events"]
    assert {"CHN113", "CHN120", "CHN121", "CHN122", "CHN123", "CHN124", "CHN125"} <= set(
        events["checks"]
    )
    assert events["rows_in"] == events["rows_ok"] + events["rows_quarantined"]
    assert report["tables"]["users"]["rows_quarantined"] == 0
    assert 0.03 < events["quarantine_share"] < 0.07


def test_too_few_days_leave_a_report(workspace: Path) -> None:
    over = {"data": {"start_date": "2025-02-05"}}
    with pytest.raises(NotEnoughDataError, match="has 5 days"):
        gate(workspace, source.good_files(), over)
    assert (workspace / "data/validation/report.json").exists()
