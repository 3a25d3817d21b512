"""Tables from a database, here SQLite."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from churn_mlops.data.source_sql import Span, batches, connection, masked
from churn_mlops.errors import SourceError


def make(path: Path) -> str:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE events (user_id INTEGER, event_time TEXT)")
        db.executemany("INSERT INTO events VALUES (?, ?)", [(1, "2025-01-01"), (2, "2025-01-02")])
    return f"sqlite:///{path}"


def rows(url: str, relation: str, span: Span | None = None) -> list[dict[str, object]]:
    with connection(url) as con:
        return pa.concat_tables(list(batches(con, url, relation, span))).to_pylist()


@pytest.mark.parametrize("relation", ["events", "SELECT * FROM events;", "select * from events"])
def test_a_table_or_a_query(tmp_path: Path, relation: str) -> None:
    assert [r["user_id"] for r in rows(make(tmp_path / "x.db"), relation)] == [1, 2]


def test_only_the_days_that_are_asked_for(tmp_path: Path) -> None:
    url = make(tmp_path / "x.db")
    first, second = date(2025, 1, 1), date(2025, 1, 2)
    assert [r["user_id"] for r in rows(url, "events", Span(second, second))] == [2]
    assert [r["user_id"] for r in rows(url, "events", Span(None, first))] == [1]
    assert rows(url, "events", Span(date(2025, 1, 3), date(2025, 1, 9))) == []


def test_a_row_without_a_time_is_read_too(tmp_path: Path) -> None:
    url = make(tmp_path / "x.db")
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("INSERT INTO events VALUES (3, NULL)")
    day = date(2025, 1, 1)
    assert [r["user_id"] for r in rows(url, "events", Span(day, day))] == [1, 3]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host:5432/db?x=1", "postgresql://me:***@host:5432/db?x=1"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("sqlite:///x.db", "sqlite:///x.db"),
    ],
)
def test_passwords_are_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://me:secret@127.0.0.1/db", "no driver for mysql"),
        ("postgresql://me:secret@127.0.0.1:9/db", "cannot be reached at postgresql://me:"),
    ],
)
def test_no_connection(url: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as caught, connection(url):
        raise AssertionError("connected")
    assert "secret" not in str(caught.value)


def test_a_missing_table_names_the_query(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="SELECT \\* FROM nothing"):
        rows(make(tmp_path / "x.db"), "nothing")


def many(path: Path, values: list[object]) -> str:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE users (user_id INTEGER, plan)")
        db.executemany("INSERT INTO users VALUES (?, ?)", enumerate(values))
    return f"sqlite:///{path}"


def test_a_long_run_of_nulls_tells_no_type(tmp_path: Path) -> None:
    url = many(tmp_path / "x.db", [*[None] * 5_000, "pro"])
    assert rows(url, "users")[-1]["plan"] == "pro"


def test_a_column_without_values_is_text(tmp_path: Path) -> None:
    url = many(tmp_path / "x.db", [None, None])
    with connection(url) as con:
        (batch,) = batches(con, url, "users")
    assert batch.schema.field("plan").type == pa.string()


def test_values_of_another_kind_are_told(tmp_path: Path) -> None:
    url = many(tmp_path / "x.db", [*range(1 << 20), "pro"])
    with pytest.raises(SourceError, match="Type mismatch in column 1"):
        rows(url, "users")
