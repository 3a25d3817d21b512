"""What was done on a day: artifacts/daily/DATE.json, written when the day's work has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from churn_mlops.files import read_json, write_json
from churn_mlops.params import Params

DONE, FAILED = "done", "failed"
DAYS = "????-??-??.json"


@dataclass(frozen=True)
class DayLog:
    """A day's work.

    Parameters
    ----------
    day : date
    status : {"done", "failed"}
    steps : list of dict
        ``step``, ``seconds``, ``rows`` and ``facts`` of each step that was done.
    error : dict or None
        ``step`` and ``message`` of the gate that did not let the day pass.
    """

    day: date
    status: str
    steps: list[dict[str, Any]]
    error: dict[str, str] | None = None

    def facts_of(self, step: str) -> dict[str, Any]:
        """What a step told; nothing when it was not done."""
        return next((one["facts"] for one in self.steps if one["step"] == step), {})


def day_log_path(params: Params, day: date) -> Path:
    """Where a day's log lies."""
    return Path(params.paths.artifacts) / "daily" / f"{day}.json"


def write_day_log(params: Params, log: DayLog) -> None:
    """Write a day's log."""
    body = {
        "as_of_date": log.day.isoformat(),
        "status": log.status,
        "steps": log.steps,
        "error": log.error,
    }
    write_json(day_log_path(params, log.day), body)


def days_done(params: Params, after: date | None = None) -> list[date]:
    """The days whose work has ended well, the oldest first.

    Parameters
    ----------
    params : Params
    after : date, optional
        Only later days.

    Raises
    ------
    ContractError
        A file is damaged.
    """
    folder = day_log_path(params, date.min).parent
    days = sorted(date.fromisoformat(path.stem) for path in folder.glob(DAYS))
    logs = (read_day_log(params, day) for day in days if after is None or day > after)
    return [log.day for log in logs if log is not None and log.status == DONE]


def read_day_log(params: Params, day: date) -> DayLog | None:
    """Read a day's log; None when its work has not ended.

    Raises
    ------
    ContractError
        The file is damaged.
    """
    fix = "remove it; the day is worked in again"
    return read_json(day_log_path(params, day), _parsed, fix)


def _parsed(body: Any) -> DayLog:
    day = date.fromisoformat(body["as_of_date"])
    return DayLog(day, body["status"], body["steps"], body["error"])
