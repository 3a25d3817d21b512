"""First and last day of the log."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.data.calendar import (
    Calendar,
    last_possible_day,
    read_calendar,
    read_report,
    report_path,
)
from churn_mlops.data.watermark import Watermark, write_watermark
from churn_mlops.errors import ContractError


def write_report(params: Any, status: str) -> None:
    path = report_path(params)
    path.parent.mkdir(parents=True)
    days = {"first_day": "2025-01-01", "last_day": "2025-01-03"}
    path.write_text(json.dumps({"status": status, "calendar": days}))


def test_days_counts_both_ends() -> None:
    assert Calendar(date(2025, 1, 1), date(2025, 1, 1)).days == 1
    assert Calendar(date(2024, 2, 28), date(2024, 3, 1)).days == 3


def test_the_calendar_is_read_from_the_report(workspace: Path, make_params: Any) -> None:
    write_report(make_params(), "passed")
    assert read_calendar(make_params()) == Calendar(date(2025, 1, 1), date(2025, 1, 3))


def test_a_closed_gate_stays_closed(workspace: Path, make_params: Any) -> None:
    write_report(make_params(), "failed")
    with pytest.raises(ContractError, match="did not pass"):
        read_report(make_params())


def test_without_a_report_the_way_is_named(workspace: Path, make_params: Any) -> None:
    with pytest.raises(ContractError, match="dvc repro validate_data"):
        read_calendar(make_params())


def test_nothing_can_happen_after_the_last_day(make_params: Any) -> None:
    assert last_possible_day(make_params()) == date(2025, 4, 30)
    given = make_params({"data": {"end_date": "2025-03-01"}})
    assert last_possible_day(given) == date(2025, 3, 1)
    files = make_params({"data": {"source": "files"}})
    assert last_possible_day(files) in (datetime.now(UTC).date(),)


def test_the_watermark_is_the_last_day_once_days_were_ingested(
    workspace: Path, make_params: Any
) -> None:
    params = make_params({"data": {"end_date": "2025-02-01"}})
    reached = date(2025, 3, 4)
    write_watermark(params, Watermark(reached, False, "x"))
    assert last_possible_day(params) == date(2025, 2, 1)
    write_watermark(params, Watermark(reached, True, "x"))
    assert last_possible_day(params) == reached
