"""The raw tables day by day: rows are added, and what a killed run left does not count."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from churn_mlops.data.arrivals import add, clear_leftovers, csv_sizes, held_table, is_held
from churn_mlops.data.watermark import Watermark, write_watermark
from churn_mlops.engine import Engine
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables import Contract, contracts
from tests.unit.data.small_log import EVENTS, day, make

FORMATS = pytest.mark.parametrize("format_", ["parquet", "csv"])


def rows(*ids: int, course: str = "sql", on: int = 0) -> ibis.Table:
    columns = {
        "event_id": [str(one) for one in ids],
        "user_id": ["1"] * len(ids),
        "event_time": [f"{day(on)} 10:00:00"] * len(ids),
        "event_type": ["buy"] * len(ids),
        "amount": ["1.5"] * len(ids),
        "course_id": [course] * len(ids),
    }
    return ibis.memtable(pa.table(columns))


def events_of(params: Params) -> Contract:
    return contracts.events(params)


def bring_in(con: Engine, params: Params, number: int, table: ibis.Table) -> Path:
    """Add rows and say so."""
    contract = events_of(params)
    path = add(con, table, contract, params, day(number))
    sizes = csv_sizes([contract], params)
    write_watermark(params, Watermark(day(number), True, "x", sizes))
    return path


def held_ids(con: Engine, params: Params, since: date | None = None) -> list[str]:
    table = held_table(con, events_of(params), params, since)
    return sorted(con.to_pyarrow(table)["event_id"].to_pylist())


@FORMATS
def test_rows_are_added_to_those_that_are_held(con: Engine, tmp_path: Path, format_: str) -> None:
    params = make(tmp_path, format_, {})
    assert not is_held(events_of(params), params)
    bring_in(con, params, 0, rows(2, 1))
    bring_in(con, params, 1, rows(3, on=1))
    assert is_held(events_of(params), params)
    table = held_table(con, events_of(params), params, None)
    assert table.columns == tuple(events_of(params).names)
    assert held_ids(con, params) == ["1", "2", "3"]


@FORMATS
def test_a_day_that_arrives_in_two_deliveries_keeps_both(
    con: Engine, tmp_path: Path, format_: str
) -> None:
    params = make(tmp_path, format_, {})
    bring_in(con, params, 0, rows(1))
    bring_in(con, params, 0, rows(2, 2))
    assert held_ids(con, params) == ["1", "2", "2"]


@FORMATS
def test_the_order_of_a_delivery_makes_no_difference(
    con: Engine, tmp_path: Path, format_: str
) -> None:
    found = []
    for name, table in (("a", rows(1, 2, 3)), ("b", rows(3, 1, 2))):
        path = bring_in(con, make(tmp_path / name, format_, {}), 0, table)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        found.append({file.name: file.read_bytes() for file in files})
    assert found[0] == found[1]


@pytest.mark.parametrize("course", ["a,b", 'say "hi"', "two\nlines", "für Ärzte", " "])
@FORMATS
def test_awkward_values_stay_as_they_came(
    con: Engine, tmp_path: Path, format_: str, course: str
) -> None:
    params = make(tmp_path, format_, {})
    for number in (0, 1):
        bring_in(con, params, number, rows(number, course=course))
    table = held_table(con, events_of(params), params, None)
    assert con.to_pyarrow(table)["course_id"].to_pylist() == [course] * 2


@FORMATS
def test_what_a_killed_run_added_is_replaced(con: Engine, tmp_path: Path, format_: str) -> None:
    params = make(tmp_path, format_, {})
    bring_in(con, params, 0, rows(1))
    mark = Watermark(day(0), True, "x", csv_sizes([events_of(params)], params))
    # Killed before the watermark was written, and in the middle of a file.
    path = add(con, rows(8, 9, on=1), events_of(params), params, day(1))
    beside = path / ".arrived-x.writing" if path.is_dir() else path.with_name(f".{path.name}.new")
    beside.write_bytes(b"half")
    clear_leftovers(events_of(params), params, mark)
    assert held_ids(con, params) == ["1"]
    bring_in(con, params, 1, rows(2, on=1))
    assert held_ids(con, params) == ["1", "2"]
    assert not beside.exists()


def test_rows_behind_the_watermark_are_not_kept_when_csv_is_only_added_to(
    con: Engine, tmp_path: Path
) -> None:
    params = make(tmp_path, "csv", {})
    path = bring_in(con, params, 0, rows(1))
    with path.open("a") as file:
        file.write('7,1,2025-01-02 10:00:00,"bu')
    bring_in(con, params, 1, rows(2, on=1))
    assert held_ids(con, params) == ["1", "2"]
    assert path.read_text().count("event_id") == 1


@FORMATS
def test_a_file_that_is_added_to_is_replaced_at_once(
    con: Engine, tmp_path: Path, format_: str
) -> None:
    """A run that is killed in the middle loses nothing of what is held."""
    params = make(tmp_path, format_, {})
    path = bring_in(con, params, 0, rows(1))
    file = path / f"arrived-{day(0)}.parquet" if path.is_dir() else path
    before = file.read_bytes()
    with file.open("rb") as old:
        bring_in(con, params, 0, rows(2))
        assert old.read() == before
    assert held_ids(con, params) == ["1", "2"]


@FORMATS
def test_without_a_watermark_nothing_is_held(con: Engine, tmp_path: Path, format_: str) -> None:
    params = make(tmp_path, format_, {})
    add(con, rows(1), events_of(params), params, day(0))
    clear_leftovers(events_of(params), params, None)
    assert not is_held(events_of(params), params)
    clear_leftovers(events_of(params), params, None)


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    params = make(tmp_path, "parquet", {})
    events_of(params).path(params).mkdir(parents=True)
    assert not is_held(events_of(params), params)


def test_files_that_arrived_earlier_are_not_opened(con: Engine, tmp_path: Path) -> None:
    params = make(tmp_path, "parquet", {})
    for number in (0, 1, 2):
        path = bring_in(con, params, number, rows(number, on=number))
    assert held_ids(con, params, day(1)) == ["1", "2"]
    (path / f"arrived-{day(0)}.parquet").write_bytes(b"damaged")
    assert held_ids(con, params, day(1)) == ["1", "2"]


def test_sizes_are_told_of_csv_tables_that_are_there(con: Engine, tmp_path: Path) -> None:
    params = make(tmp_path, "csv", {})
    both = [contracts.users(params), events_of(params)]
    assert csv_sizes(both, params) == {}
    path = bring_in(con, params, 0, rows(1))
    assert csv_sizes(both, params) == {"events.csv": path.stat().st_size}
    assert csv_sizes(both, make(tmp_path, "parquet", {})) == {}


@pytest.mark.parametrize(
    ("text", "check"),
    [("", "CHN104"), (",".join([*EVENTS, "amount"]) + "\n", "CHN102")],
    ids=["empty", "a column twice"],
)
def test_a_damaged_csv_table_is_told(con: Engine, tmp_path: Path, text: str, check: str) -> None:
    params = make(tmp_path, "csv", {})
    bring_in(con, params, 0, rows(1)).write_text(text)
    with pytest.raises(ContractError, match=check) as caught:
        held_ids(con, params)
    assert caught.value.fix
