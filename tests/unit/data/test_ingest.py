"""Whatever way days are brought in, the raw tables hold what the source holds, as often."""

from __future__ import annotations

import collections
import random
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_mlops.data import generate_data, ingest
from churn_mlops.data.watermark import read_watermark
from churn_mlops.errors import ContractError, ParamsError
from churn_mlops.params import Params
from tests.conftest import examples, merge
from tests.unit.data.small_log import EVENTS, USERS, day, files, held, make, write


class Source:
    """A log that grows: rows arrive on their day or later, some twice, some without a time."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.users: list[list[str]] = []
        self.waiting: list[tuple[int, list[str]]] = []
        self.number = 0

    def deliver(self, today: int) -> list[list[str]]:
        """The rows that arrive on a day."""
        for _ in range(self.random.randint(0, 2)):
            plan = self.random.choice(["free", "pro", ""])
            self.users.append([str(len(self.users) + 1), str(day(today)), plan])
        rows = []
        for _ in range(self.random.randint(0, 6)):
            self.number += 1
            time = f"{day(today)} {self.random.randint(0, 23):02d}:00:00"
            amount = self.random.choice(["", "1.5", "-3.0", "7.25"])
            user = str(self.random.randint(1, len(self.users) + 1))
            row = [str(self.number), user, time, self.random.choice(["buy", "see", "x"]), amount]
            if self.random.random() < 0.05:
                row[2] = ""
            late = self.random.choice([0, 0, 0, 1, 2])
            self.waiting.append((today + late, row))
            if self.random.random() < 0.2:
                self.waiting.append((today + self.random.randint(0, 2), list(row)))
        rows = [row for when, row in self.waiting if when <= today]
        self.waiting = [(when, row) for when, row in self.waiting if when > today]
        return rows


def expected(
    events: list[list[str]], users: list[list[str]]
) -> dict[str, collections.Counter[tuple[str, ...]]]:
    return {
        "users": collections.Counter(map(tuple, users)),
        "events": collections.Counter(map(tuple, events)),
    }


STEPS = st.lists(st.sampled_from(["day", "two days", "replay", "early"]), min_size=2, max_size=6)
QUICK = settings(
    max_examples=examples(2),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["parquet", "csv"])
@pytest.mark.parametrize("shape", ["one file", "a file a day", "a file a day, mended"])
@QUICK
@given(seed=st.integers(0, 999), steps=STEPS, begin=st.booleans())
def test_files(
    tmp_path_factory: pytest.TempPathFactory,
    format_: str,
    shape: str,
    seed: int,
    steps: list[str],
    begin: bool,
) -> None:
    root = tmp_path_factory.mktemp("ingest")
    place = {"users": str(root / "in/users.csv"), "events": str(root / "in/events*.csv")}
    params = make(root, format_, {"data": {"files": place, "end_date": str(day(1))}})
    source, by_day, today = Source(seed), {}, 0

    def export(until: int) -> None:
        for number in range(len(by_day), until + 1):
            by_day[number] = source.deliver(number)
        write(root / "in/users.csv", USERS, source.users)
        everything = [row for number in sorted(by_day) for row in by_day[number]]
        if shape == "one file":
            write(root / "in/events.csv", EVENTS, everything)
            return
        for number, rows in by_day.items():
            path = root / f"in/events-{number:02d}.csv"
            if path.exists():
                continue
            if shape == "a file a day, mended" and number == until and number:
                # Rows of the day before stand in the next file once more.
                rows = [*rows, *by_day[number - 1][:1]]
                by_day[number] = rows
            write(path, EVENTS, rows)

    export(1)
    if begin:
        generate_data.run(params)
        today = 1
    for step in steps:
        if step == "replay" and today:
            before = files(root / "data")
            ingest.run(params, day(today))
            assert read_watermark(params).as_of == day(today)
            if before == files(root / "data"):
                continue
        today += 2 if step == "two days" else 1
        export(max(today, len(by_day) - 1) + (1 if step == "early" else 0))
        ingest.run(params, day(today))
        rows = [row for n in sorted(by_day) for row in by_day[n] if row[2] < str(day(today + 1))]
        known = [row for row in source.users if row[1] <= str(day(today))]
        assert held(params) == expected(rows, known)
    before = files(root / "data")
    again = ingest.run(params, day(today))
    assert again.facts["nothing new"] is True
    assert files(root / "data") == before


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["parquet", "csv"])
@QUICK
@given(seed=st.integers(0, 999), steps=STEPS, begin=st.booleans())
def test_database(
    tmp_path_factory: pytest.TempPathFactory,
    format_: str,
    seed: int,
    steps: list[str],
    begin: bool,
) -> None:
    root = tmp_path_factory.mktemp("ingest")
    url = f"sqlite:///{root / 'source.db'}"
    sql = {"url": url, "users": "users", "events": "events"}
    params = make(root, format_, {"data": {"source": "sql", "sql": sql, "end_date": str(day(1))}})
    database = sqlite3.connect(root / "source.db")
    database.execute("CREATE TABLE users (user_id INT, signup_date TEXT, plan TEXT)")
    database.execute(
        "CREATE TABLE events (event_id INT, user_id INT, event_time TEXT, event_type TEXT,"
        " amount REAL)"
    )
    source, everything, delivered, today = Source(seed), [], 0, 0

    def deliver(until: int) -> None:
        nonlocal delivered
        while delivered <= until:
            known = len(source.users)
            rows = source.deliver(delivered)
            everything.extend(rows)
            new = [[v or None for v in row] for row in source.users[known:]]
            database.executemany("INSERT INTO users VALUES (?, ?, ?)", new)
            filled = [[v or None for v in row] for row in rows]
            database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", filled)
            delivered += 1
        database.commit()

    deliver(1)
    if not source.users or not any(row[2] for row in everything):
        return
    if begin:
        generate_data.run(params)
        today = 1
    for step in steps:
        if step == "replay" and today:
            ingest.run(params, day(today))
        today += 2 if step == "two days" else 1
        deliver(today)
        ingest.run(params, day(today))
        known = [row for row in source.users if row[1] <= str(day(today))]
        assert held(params) == expected(everything, known)
    before = files(root / "data")
    assert ingest.run(params, day(today)).facts["nothing new"] is True
    assert files(root / "data") == before
    database.close()


SMALL: dict[str, Any] = {"data": {"synthetic": {"users": 60, "days": 10}}}


@pytest.fixture
def portal(tmp_path: Path, make_params: Any) -> Params:
    params: Params = make_params(SMALL | {"paths": {"data": str(tmp_path / "data")}})
    generate_data.run(params)
    return params


def test_the_next_day_is_the_default(portal: Params) -> None:
    assert ingest.run(portal).facts["as_of"] == "2025-01-11"
    mark = read_watermark(portal)
    assert mark is not None
    assert (mark.as_of, mark.ingested) == (date(2025, 1, 11), True)


def test_what_was_ingested_outlives_the_stage(portal: Params, tmp_path: Path) -> None:
    ingest.run(portal)
    before = files(tmp_path)
    assert "2025-01-11" in generate_data.run(portal).facts["kept"]
    assert files(tmp_path) == before
    generate_data.run(portal, anew=True)
    assert read_watermark(portal).as_of == date(2025, 1, 10)


def test_another_source_is_not_mixed_in(portal: Params, make_params: Any) -> None:
    ingest.run(portal)
    other = make_params(
        merge(SMALL, {"data": {"synthetic": {"seed": 7}}, "paths": {"data": portal.paths.data}})
    )
    with pytest.raises(ContractError, match="another source"):
        ingest.run(other)
    generate_data.run(other)
    assert read_watermark(other).ingested is False


def test_files_of_another_source_are_not_read_over_ingested_days(tmp_path: Path) -> None:
    place = {"users": str(tmp_path / "users.csv"), "events": str(tmp_path / "events.csv")}
    write(tmp_path / "users.csv", USERS, [["1", "2025-01-01", "pro"]])
    write(tmp_path / "events.csv", EVENTS, [["1", "1", "2025-01-01", "buy", ""]])
    params = make(tmp_path, "csv", {"data": {"files": place}})
    ingest.run(params, day(0))
    other = make(tmp_path, "csv", {"data": {"files": place, "event_types": ("buy",)}})
    with pytest.raises(ContractError, match="--anew"):
        generate_data.run(other)
    generate_data.run(other, anew=True)


def test_a_known_user_stays_as_first_delivered(tmp_path: Path) -> None:
    place = {"users": str(tmp_path / "users.csv"), "events": str(tmp_path / "events.csv")}
    params = make(tmp_path, "parquet", {"data": {"files": place}})
    write(tmp_path / "events.csv", EVENTS, [["1", "1", "2025-01-01", "buy", ""]])
    write(tmp_path / "users.csv", USERS, [["1", "2025-01-01", "free"]])
    ingest.run(params, day(0))
    rows = [["1", "2025-01-01", "pro"], ["2", "2025-01-02", "pro"], ["3", "2025-01-03", "pro"]]
    write(tmp_path / "users.csv", USERS, rows)
    told = ingest.run(params, day(1))
    assert told.facts["changed users"] == 1
    assert set(held(params)["users"]) == {("1", "2025-01-01", "free"), ("2", "2025-01-02", "pro")}


def test_numbers_of_events_without_an_id_go_on(tmp_path: Path) -> None:
    place = {"users": str(tmp_path / "users.csv"), "events": str(tmp_path / "events-*.csv")}
    params = make(tmp_path, "parquet", {"data": {"files": place}})
    write(tmp_path / "users.csv", USERS, [["1", "2025-01-01", "free"]])
    write(tmp_path / "events-1.csv", EVENTS[1:], [["1", "2025-01-01 10:00:00", "buy", ""]] * 2)
    ingest.run(params, day(0))
    rows = [["1", "2025-01-02 12:00:00", "buy", ""], ["1", "2025-01-02 11:00:00", "see", ""]]
    write(tmp_path / "events-2.csv", EVENTS[1:], rows)
    ingest.run(params, day(1))
    numbers = {(row[0], row[2]) for row in held(params)["events"]}
    assert numbers == {
        ("1", "2025-01-01 10:00:00"), ("2", "2025-01-01 10:00:00"),
        ("3", "2025-01-02 11:00:00"), ("4", "2025-01-02 12:00:00"),
    }  # fmt: skip


def test_a_day_before_the_first_to_look_at(portal: Params) -> None:
    with pytest.raises(ParamsError, match="lies after"):
        ingest.run(portal, date(2025, 1, 11), date(2025, 1, 12))
