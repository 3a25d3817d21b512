"""A small good source in files, and its parameters, for tests to break."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from churn_mlops.params import Params
from tests.conftest import merge

FIRST = date(2025, 1, 1)
USERS_HEADER = "user_id,signup_date,plan,is_paid,country,marketing_source"
EVENTS_HEADER = "event_id,user_id,event_time,event_type,course_id,watch_minutes,quiz_score,amount"
OVER: dict[str, Any] = {
    "data": {
        "source": "files",
        "start_date": "2025-01-01",
        "end_date": "2025-02-09",
        "files": {"users": "in/users.csv", "events": "in/events.csv"},
    },
    "churn": {"window_days": 7, "active_within_days": 14},
    "features": {"windows_days": (3, 7)},
    "validation": {"max_quarantine_share": 1.0},
}


def users() -> list[str]:
    """Ten users, signed up on the first day."""
    return [f"{n},2025-01-01,pro,1,DE,ads" for n in range(1, 11)]


def events() -> list[str]:
    """Events on 40 days; every type occurs, and some users stop half-way."""
    rows = []
    types = ["login", "video_watch", "quiz_attempt", "course_enroll", "payment_success"]
    for day in range(40):
        for user in range(1, 11):
            if (day + user) % 3 == 0 and (day < 20 or user % 2):
                kind = types[len(rows) % len(types)]
                minutes = "12.5" if kind == "video_watch" else ""
                score = "80" if kind == "quiz_attempt" else ""
                amount = "9.99" if kind == "payment_success" else ""
                when = f"{FIRST + timedelta(days=day)} 10:00:00"
                rows.append(f"{len(rows) + 1},{user},{when},{kind},sql,{minutes},{score},{amount}")
    return rows


def text(header: str, rows: list[str]) -> bytes:
    """A CSV file."""
    return ("\n".join([header, *rows]) + "\n").encode()


def good_files() -> dict[str, bytes]:
    """The files of the good source, by path."""
    return {
        "in/users.csv": text(USERS_HEADER, users()),
        "in/events.csv": text(EVENTS_HEADER, events()),
    }


def with_events(*rows: str) -> dict[str, bytes]:
    """The good source and further events."""
    return good_files() | {"in/events.csv": text(EVENTS_HEADER, [*events(), *rows])}


def with_users(*rows: str) -> dict[str, bytes]:
    """The good source and further users."""
    return good_files() | {"in/users.csv": text(USERS_HEADER, [*users(), *rows])}


def lay_out(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files of a source."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def params(over: Mapping[str, Any] | None = None) -> Params:
    """Parameters of the good source with some changes."""
    tree = merge(Params().model_dump(), copy.deepcopy(OVER))
    return Params.model_validate(merge(tree, dict(over or {})))
