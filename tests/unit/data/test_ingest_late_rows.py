"""How late a row may be: a database is asked for `late_days` before the first new day, not more."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_mlops.data import ingest
from churn_mlops.data.watermark import Watermark
from churn_mlops.params import Params
from tests.unit.data.small_log import EVENTS, USERS, day, event, held, make, write

LATE_DAYS = 2
HELD = 8
USER = ["1", f"{day(0)}", "pro"]
Deliver = Callable[..., None]


@pytest.fixture
def deliver(tmp_path: Path) -> Deliver:
    """Writes events to the database of the source."""
    path = tmp_path / "source.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE users (user_id INT, signup_date TEXT, plan TEXT)")
        db.execute(
            "CREATE TABLE events (event_id INT, user_id INT, event_time TEXT, event_type TEXT,"
            " amount REAL)"
        )
        db.execute("INSERT INTO users VALUES (?, ?, ?)", USER)

    def insert(*rows: list[str]) -> None:
        with sqlite3.connect(path) as db:
            db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)

    return insert


@pytest.fixture
def params(tmp_path: Path, deliver: Deliver) -> Params:
    """Of a database whose first days are held."""
    sql = {"url": f"sqlite:///{tmp_path / 'source.db'}", "users": "users", "events": "events"}
    data: dict[str, Any] = {"source": "sql", "sql": sql, "late_days": LATE_DAYS}
    made = make(tmp_path, "parquet", {"data": data})
    deliver(*(event(n, n) for n in range(HELD + 1)))
    ingest.run(made, day(HELD))
    return made


def late(params: Params) -> set[int]:
    """The ids of the rows that came late, from 100 on."""
    ids = {int(row[0]) for row in held(params)["events"]}
    return {one for one in ids if one >= 100}


def late_rows(*days: int) -> list[list[str]]:
    return [event(100 + one, one) for one in days]


def test_rows_exactly_late_days_late_are_taken_in_and_later_ones_are_not(
    params: Params, deliver: Deliver
) -> None:
    edge = ["207", "1", f"{day(7)} 00:00:00", "buy", "1.5"]
    short = ["206", "1", f"{day(6)} 23:59:59", "buy", "1.5"]
    deliver(event(9, 9), event(10, 10), *late_rows(5, 6, 7, 8), edge, short)
    told = ingest.run(params, day(9))
    assert late(params) == {107, 108, 207}
    assert (told.rows["events"], told.facts["late"]) == (4, 3)


WINDOWS = {
    "the next day": (8, 9, None, (7, 9, 9)),
    "days were left out": (8, 12, None, (7, 12, 12)),
    "the day that is held": (8, 8, None, (6, 8, 8)),
    "a day before it": (8, 6, None, (4, 6, 8)),
    "since a day": (8, 9, 2, (2, 9, 9)),
    "nothing is held": (None, 9, None, (None, 9, 9)),
    "nothing is held, since a day": (None, 9, 2, (2, 9, 9)),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_the_window_begins_late_days_before_the_first_new_day(name: str) -> None:
    mark, as_of, since, expected = WINDOWS[name]
    held_until = None if mark is None else Watermark(day(mark), True, "x")
    first, last, arrival = expected
    made = make(Path(), "parquet", {"data": {"late_days": LATE_DAYS}})
    found = ingest._window(made, held_until, day(as_of), None if since is None else day(since))
    assert found == ingest.Window(None if first is None else day(first), day(last), day(arrival))


def test_files_bring_rows_of_any_day(tmp_path: Path) -> None:
    files = {name: str(tmp_path / f"in/{name}-*.csv") for name in ("users", "events")}
    made = make(tmp_path, "parquet", {"data": {"files": files, "late_days": LATE_DAYS}})
    write(tmp_path / "in/users-0.csv", USERS, [USER])
    write(tmp_path / "in/events-0.csv", EVENTS, [event(n, n) for n in range(HELD + 1)])
    ingest.run(made, day(HELD))
    write(tmp_path / "in/events-1.csv", EVENTS, [event(9, 9), *late_rows(0, 6, 7)])
    ingest.run(made, day(9))
    assert late(made) == {100, 106, 107}


def test_held_rows_of_the_first_and_the_last_day_of_a_delivery_are_not_taken_in_again(
    tmp_path: Path,
) -> None:
    """Where times are times and not texts, the held rows near a delivery are looked up by time."""
    files = {"users": str(tmp_path / "users.csv"), "events": str(tmp_path / "events.parquet")}
    made = make(tmp_path, "parquet", {"data": {"files": files, "late_days": LATE_DAYS}})
    write(tmp_path / "users.csv", USERS, [USER])
    times = [datetime(2025, 1, 1), datetime(2025, 1, 2, 12), datetime(2025, 1, 3, 23, 59, 59)]

    def export(count: int) -> None:
        columns = {
            "event_id": list(range(count)),
            "user_id": [1] * count,
            "event_time": [*times, times[-1]][:count],
            "event_type": ["buy"] * count,
            "amount": [1.5] * count,
        }
        pq.write_table(pa.table(columns), tmp_path / "events.parquet")

    for count in (3, 4):
        export(count)
        assert ingest.run(made, day(2)).rows["events"] == (3 if count == 3 else 1)
    assert sorted(row[0] for row in held(made)["events"].elements()) == ["0", "1", "2", "3"]
