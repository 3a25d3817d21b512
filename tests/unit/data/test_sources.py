"""Files and databases become raw tables."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from churn_mlops.data import source_sql, sources
from churn_mlops.errors import ParamsError
from tests.unit.data import source


def raw(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"data/raw/{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_files_are_brought_in_as_they_are(workspace: Path) -> None:
    source.lay_out(workspace, source.with_events("x,y,z,?,,\U0001f600,,"))
    summary = sources.run(source.params())
    assert summary.rows == {"events": len(source.events()) + 1, "users": 10}
    assert raw(workspace, "events")[-1]["watch_minutes"] == "\U0001f600"


def test_users_are_derived_from_events(workspace: Path) -> None:
    source.lay_out(workspace, source.good_files())
    over = {"data": {"files": {"users": None}}, "features": {"static": {}}}
    params = source.params(over)
    params = params.model_copy(
        update={"features": params.features.model_copy(update={"static": {}})}
    )
    sources.run(params)
    first: dict[str, str] = {}
    for row in source.events():
        _, user, when, *_ = row.split(",")
        first[user] = min(first.get(user, "9"), when[:10])
    assert {r["user_id"]: r["signup_date"] for r in raw(workspace, "users")} == first


def test_derived_users_have_no_attributes(workspace: Path) -> None:
    source.lay_out(workspace, source.good_files())
    with pytest.raises(ParamsError, match="users is not given"):
        sources.run(source.params({"data": {"files": {"users": None}}}))


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_database_gives_what_files_give(workspace: Path, format_: str) -> None:
    source.lay_out(workspace, source.good_files())
    with sqlite3.connect(workspace / "x.db") as db:
        for name, header in (("users", source.USERS_HEADER), ("events", source.EVENTS_HEADER)):
            columns = header.split(",")
            db.execute(f"CREATE TABLE {name} ({', '.join(c + ' TEXT' for c in columns)})")
            rows = source.users() if name == "users" else source.events()
            marks = ", ".join("?" * len(columns))
            values = [[v or None for v in row.split(",")] for row in rows]
            db.executemany(f"INSERT INTO {name} VALUES ({marks})", values)
    sources.run(source.params())
    from_files = {name: raw(workspace, name) for name in ("users", "events")}
    over: dict[str, Any] = {
        "tables": {"format": format_},
        "data": {
            "source": "sql",
            "sql": {"url": "sqlite:///x.db", "users": "users", "events": "events"},
        },
    }
    summary = sources.run(source.params(over))
    assert summary.rows == {"events": len(source.events()), "users": 10}
    if format_ == "csv":
        assert {name: raw(workspace, name) for name in ("users", "events")} == from_files


def test_events_of_a_database_that_have_no_id_are_numbered_over_all_of_them(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver gives them batch by batch."""
    whole = source_sql.batches

    def small(*given: Any) -> Iterator[pa.Table]:
        for batch in whole(*given):
            yield from (batch.slice(n, 7) for n in range(0, len(batch), 7))

    monkeypatch.setattr(source_sql, "batches", small)
    with sqlite3.connect(workspace / "x.db") as db:
        columns = [c for c in source.EVENTS_HEADER.split(",") if c != "event_id"]
        db.execute(f"CREATE TABLE events ({', '.join(c + ' TEXT' for c in columns)})")
        marks = ", ".join("?" * len(columns))
        values = [[v or None for v in row.split(",")[1:]] for row in source.events()]
        db.executemany(f"INSERT INTO events VALUES ({marks})", values)
    over = {"data": {"source": "sql", "sql": {"url": "sqlite:///x.db", "events": "events"}}}
    params = source.params(over)
    features = params.features.model_copy(update={"static": {}})
    sources.run(params.model_copy(update={"features": features}))
    ids = [int(row["event_id"]) for row in raw(workspace, "events")]
    assert sorted(ids) == list(range(1, len(source.events()) + 1))
