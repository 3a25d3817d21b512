"""First and last day of the log, as the gate found them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from churn_mlops.data.watermark import read_watermark
from churn_mlops.errors import ContractError
from churn_mlops.files import read_json
from churn_mlops.params import Params


@dataclass(frozen=True)
class Calendar:
    """The days that the daily tables cover, both ends included."""

    first_day: date
    last_day: date

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.last_day - self.first_day).days + 1


def report_path(params: Params) -> Path:
    """Where validate_data writes its report."""
    return Path(params.paths.data) / "validation" / "report.json"


def read_report(params: Params) -> dict[str, Any]:
    """Read the report of validate_data.

    Raises
    ------
    ContractError
        There is none, or the gate is closed.
    """
    path = report_path(params)
    if not path.exists():
        raise ContractError(f"there is no {path}", fix="run `dvc repro validate_data` first")
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if report["status"] != "passed":
        raise ContractError(
            f"the data did not pass its checks: {path} says '{report['status']}'",
            fix="see the quarantine files beside it, mend the source and validate again",
        )
    return report


def read_calendar(params: Params) -> Calendar:
    """Read the days of the log from the report of validate_data."""
    days = read_report(params)["calendar"]
    return Calendar(date.fromisoformat(days["first_day"]), date.fromisoformat(days["last_day"]))


def known_last_day(params: Params) -> date | None:
    """The last day of the log as the gate last found it, open or closed; None when nobody looked.

    Raises
    ------
    ContractError
        The report is damaged.
    """
    return _told_day(params, "last_day")


def known_first_day(params: Params) -> date | None:
    """The first day of the log, as `known_last_day` the last one."""
    return _told_day(params, "first_day")


def _told_day(params: Params, name: str) -> date | None:
    def parse(report: Any) -> date:
        return date.fromisoformat(report["calendar"][name])

    return read_json(report_path(params), parse, "write it anew: `dvc repro -f validate_data`")


def last_possible_day(params: Params) -> date:
    """The day after which no event can have happened.

    The watermark once days were ingested, else ``data.end_date``, else the last day of the
    synthetic portal, else today (UTC).
    """
    return last_told_day(params) or datetime.now(UTC).date()


def last_told_day(params: Params) -> date | None:
    """The last complete day as far as it is told; None when only the data can tell."""
    mark, data = read_watermark(params), params.data
    if mark is not None and mark.ingested and mark.as_of is not None:
        return mark.as_of
    if data.end_date is not None:
        return data.end_date
    return data.last_synthetic_day if data.source == "synthetic" else None
