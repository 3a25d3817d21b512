"""What a source has to offer for some days: new rows, late rows, files that need no reading."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_mlops import engine
from churn_mlops.data.deliveries import delivered
from churn_mlops.data.seen_files import write_seen
from churn_mlops.data.watermark import Watermark
from churn_mlops.errors import ContractError, ParamsError, SourceError
from churn_mlops.params import Params
from churn_mlops.tables.writer import hold_as
from tests.conftest import merge
from tests.unit.data.small_log import EVENTS, USERS, day, event, make, write

MARK = Watermark(day(1), True, "x")


@pytest.fixture
def con() -> Iterator[engine.Engine]:
    """A DuckDB of its own: a delivery names tables in it."""
    with engine.embedded(Params()) as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A source of one user and of one file of events."""
    write(tmp_path / "in/users.csv", USERS, [["1", f"{day(0)}", "pro"]])
    write(tmp_path / "in/events-0.csv", EVENTS, [event(1, 0), event(2, 1)])
    return tmp_path


HELD = [event(1, 0), event(2, 1)]


def columns() -> dict[str, list[str]]:
    """The rows of the first file by column."""
    return {name: [row[n] for row in HELD] for n, name in enumerate(EVENTS)}


def from_files(root: Path, **over: Any) -> Params:
    place = {"users": str(root / "in/users.csv"), "events": str(root / "in/events-*")}
    return make(root, "parquet", {"data": {"files": merge(place, over)}})


def ids(con: engine.Engine, table: Any) -> list[str]:
    return sorted(str(one) for one in con.to_pyarrow(table)["event_id"].to_pylist())


def seen(con: engine.Engine, params: Params, mark: Watermark | None, last: date) -> set[str]:
    """The names of the files of which all rows are delivered; they count as read from now on."""
    with delivered(con, params, mark, None, last) as delivery:
        write_seen(params, last, delivery.seen)
        return {Path(name).name for name in delivery.seen}


def test_rows_of_later_days_are_left_and_rows_without_a_day_are_taken(
    con: engine.Engine, root: Path
) -> None:
    rows = [event(3, 2), event(4, 3), event(5, None), [*event(6, 2)[:2], "soon", "buy", ""]]
    write(root / "in/events-1.csv", EVENTS, rows)
    with delivered(con, from_files(root), None, None, day(2)) as delivery:
        assert ids(con, delivery.tables["events"]) == ["1", "2", "3", "5", "6"]
        assert not delivery.all_new


def test_only_files_of_which_all_rows_are_delivered_are_seen(
    con: engine.Engine, root: Path
) -> None:
    write(root / "in/events-1.csv", EVENTS, [event(3, 2), event(4, 3)])
    params = from_files(root)
    assert seen(con, params, None, day(2)) == {"users.csv", "events-0.csv"}
    assert seen(con, params, Watermark(day(2), True, "x"), day(3)) == {
        "users.csv", "events-0.csv", "events-1.csv",
    }  # fmt: skip


def test_a_file_of_two_tables_is_seen_when_both_have_all_of_it(
    con: engine.Engine, tmp_path: Path
) -> None:
    path = tmp_path / "in/users.csv"
    header = [*USERS, "start_date", "end_date"]
    write(path, header, [["1", f"{day(0)}", "pro", f"{day(3)}", f"{day(9)}"]])
    write(tmp_path / "in/events-0.csv", EVENTS, [event(1, 0)])
    files = {"users": str(path), "events": str(tmp_path / "in/events-*.csv")}
    over = {"data": {"files": files | {"subscriptions": str(path)}, "subscriptions": True}}
    params = make(tmp_path, "parquet", over)
    assert seen(con, params, None, day(1)) == {"events-0.csv"}
    assert seen(con, params, MARK, day(3)) == {"events-0.csv", "users.csv"}


def test_a_file_that_was_seen_is_not_opened_again_until_it_changes(
    con: engine.Engine, root: Path
) -> None:
    params, path = from_files(root), root / "in/events-0.csv"
    seen(con, params, None, day(1))
    before = path.stat()
    path.write_bytes(b"\0" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    write(root / "in/events-1.csv", EVENTS, [event(3, 2)])
    with delivered(con, params, MARK, None, day(2)) as delivery:
        assert ids(con, delivery.tables["events"]) == ["3"]
        assert con.to_pyarrow(delivery.tables["users"]).num_rows == 0
    write(path, EVENTS, [event(9, 1)])
    with engine.embedded(params) as other, delivered(other, params, MARK, None, day(2)) as delivery:
        assert ids(other, delivery.tables["events"]) == ["3", "9"]


def test_rows_of_a_new_file_that_equal_held_ones_are_told_by_all_files_together(
    con: engine.Engine, root: Path
) -> None:
    params = from_files(root)
    seen(con, params, None, day(1))
    # Once more what is held, twice a row that is new, and nothing of the first.
    write(root / "in/events-1.csv", EVENTS, [event(2, 1), event(3, 2), event(3, 2)])
    held = hold_as(con, "held", ibis.memtable(pa.table(columns())))
    with delivered(con, params, MARK, None, day(2)) as delivery:
        rows = delivery.tables["events"].select(*EVENTS)
        found = delivery.difference(con, "events", rows, held)
        assert ids(con, found) == ["2", "3", "3"]
        twice = held.union(held.filter(held.event_id == "2"))
        assert ids(con, delivery.difference(con, "events", rows, twice)) == ["3", "3"]


def test_csv_and_parquet_deliver_the_same(con: engine.Engine, root: Path) -> None:
    with delivered(con, from_files(root), None, None, day(0)) as delivery:
        plain = ids(con, delivery.tables["events"])
    (root / "in/events-0.csv").unlink()
    table = pa.table(columns())
    place = table.column_names.index("event_time")
    times = table["event_time"].cast(pa.timestamp("us"))
    pq.write_table(table.set_column(place, "event_time", times), root / "in/events-0.parquet")
    with delivered(con, from_files(root), None, None, day(0)) as delivery:
        assert delivery.tables["events"].event_time.type().is_timestamp()
        assert ids(con, delivery.tables["events"]) == plain == ["1"]


def test_events_may_lack_an_id_and_users_may_be_derived(con: engine.Engine, root: Path) -> None:
    write(root / "in/events-0.csv", EVENTS[1:], [event(1, 0)[1:]])
    tree = from_files(root, users=None).model_dump()
    with pytest.raises(ParamsError, match="users is not given"):
        seen(con, Params.model_validate(tree), None, day(1))
    tree["features"]["static"] = {}
    params = Params.model_validate(tree)
    with delivered(con, params, None, None, day(1)) as delivery:
        assert list(delivery.tables) == ["events"]
        assert "event_id" not in delivery.tables["events"].columns


def test_what_is_wrong_with_files_is_told_with_what_mends_it(
    con: engine.Engine, root: Path
) -> None:
    path = root / "in/events-0.csv"
    write(path, [*EVENTS[:2], "when", *EVENTS[3:]], [event(1, 0)])
    with pytest.raises(ContractError, match=r"events-0\.csv lacks event_time") as caught:
        seen(con, from_files(root), None, day(1))
    assert "data.columns.events" in (caught.value.fix or "")
    path.write_text("")
    with pytest.raises(ContractError, match="is empty"):
        seen(con, from_files(root), None, day(1))
    path.unlink()
    with pytest.raises(SourceError, match="no file matches"):
        seen(con, from_files(root), None, day(1))


def test_the_portal_delivers_the_days_after_the_watermark(
    con: engine.Engine, make_params: Any
) -> None:
    params = make_params({"data": {"synthetic": {"users": 60, "days": 10}}})
    mark = Watermark(day(9), True, "x")
    with delivered(con, params, mark, None, day(10)) as delivery:
        assert delivery.all_new
        assert con.to_pyarrow(delivery.tables["events"]).num_rows > 0
        joined = con.to_pyarrow(delivery.tables["users"])["signup_date"].to_pylist()
        assert set(joined) <= {day(10)}
    with delivered(con, params, mark, None, day(9)) as delivery:
        for table in delivery.tables.values():
            found = con.to_pyarrow(table)
            assert found.num_rows == 0
            assert "user_id" in found.column_names


def test_a_database_is_asked_for_the_days_under_its_own_names(
    con: engine.Engine, tmp_path: Path
) -> None:
    database = sqlite3.connect(tmp_path / "source.db")
    database.execute("CREATE TABLE users (user_id INT, signup_date TEXT, plan TEXT)")
    database.execute(
        "CREATE TABLE log (event_id INT, user_id INT, at TEXT, event_type TEXT, amount REAL)"
    )
    early = [["1", f"{day(0)}", "pro"], ["2", f"{day(5)}", "pro"], ["3", None, "pro"]]
    database.executemany("INSERT INTO users VALUES (?, ?, ?)", early)
    rows = [[v or None for v in event(n, n)] for n in range(6)] + [["7", "1", None, "buy", None]]
    database.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?)", rows)
    database.commit()
    database.close()
    sql = {"url": f"sqlite:///{tmp_path / 'source.db'}", "users": "users", "events": "log"}
    data = {"source": "sql", "sql": sql, "columns": {"events": {"event_time": "at"}}}
    params = make(tmp_path, "parquet", {"data": data})
    with delivered(con, params, MARK, day(2), day(4)) as delivery:
        assert ids(con, delivery.tables["events"]) == ["2", "3", "4", "7"]
        # However long ago a user signed up, the database may tell of them only now.
        users = con.to_pyarrow(delivery.tables["users"])["user_id"].to_pylist()
        assert sorted(users) == [1, 3]
        assert not delivery.all_new
