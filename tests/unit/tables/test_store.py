"""Tables are written whole or not at all, and read back as they were, in both formats."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from churn_mlops import engine
from churn_mlops.errors import ContractError
from churn_mlops.tables import Column, Contract, Writer, exists, present, scan, write

CONTRACT = Contract(
    "things",
    "raw",
    ("user_id",),
    (
        Column("user_id", "string"),
        Column("day", "date"),
        Column("value", "float64"),
        Column("count", "int32"),
    ),
    parts=True,
)
ROWS = [
    {"user_id": "007", "day": date(2025, 1, 1), "value": 0.1, "count": 1},
    {"user_id": 'say "hi", 😀', "day": None, "value": None, "count": None},
    {"user_id": "line\nbreak", "day": date(2025, 1, 2), "value": 1e-17, "count": -3},
]
TABLE = pa.Table.from_pylist(ROWS, schema=ibis.schema(CONTRACT.types).to_pyarrow())
FORMATS = pytest.mark.parametrize("format_", ["csv", "parquet"])


@FORMATS
def test_what_is_written_is_read_back(workspace: Path, make_params: Any, format_: str) -> None:
    params = make_params({"tables": {"format": format_}})
    assert not exists(CONTRACT, params)
    with engine.connect(params) as con:
        assert write(con, TABLE, CONTRACT, params) == 3
        assert con.to_pyarrow(scan(con, CONTRACT, params)).to_pylist() == ROWS
    assert exists(CONTRACT, params)


@FORMATS
def test_the_columns_that_are_really_there(workspace: Path, make_params: Any, format_: str) -> None:
    params = make_params({"tables": {"format": format_}})
    with pytest.raises(ContractError, match="there is no"):
        present(CONTRACT, params)
    with engine.connect(params) as con:
        write(con, TABLE, CONTRACT, params)
    assert present(CONTRACT, params) == list(CONTRACT.names)


@FORMATS
def test_parts_make_one_table_in_order(workspace: Path, make_params: Any, format_: str) -> None:
    params = make_params({"tables": {"format": format_}})
    with engine.connect(params) as con:
        parts = [ibis.memtable(TABLE.slice(n, 1)) for n in range(3)]
        assert write(con, parts, CONTRACT, params) == 3
        assert con.to_pyarrow(scan(con, CONTRACT, params)).to_pylist() == ROWS


@FORMATS
def test_the_same_rows_give_the_same_bytes(workspace: Path, make_params: Any, format_: str) -> None:
    params = make_params({"tables": {"format": format_}})

    def content() -> list[bytes]:
        path = CONTRACT.path(params)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return [file.read_bytes() for file in files]

    with engine.connect(params) as con:
        write(con, TABLE, CONTRACT, params)
        first = content()
        write(con, ibis.memtable(TABLE), CONTRACT, params)
    assert content() == first


def half_a_table() -> Iterator[ibis.Table]:
    """One part, and then the source breaks."""
    yield ibis.memtable(TABLE.slice(0, 1))
    raise ZeroDivisionError


@FORMATS
def test_a_failure_leaves_the_old_table_and_nothing_beside_it(
    workspace: Path, make_params: Any, format_: str
) -> None:
    params = make_params({"tables": {"format": format_}})
    with engine.connect(params) as con:
        write(con, TABLE, CONTRACT, params)
        with pytest.raises(ZeroDivisionError):
            write(con, half_a_table(), CONTRACT, params)
        assert scan(con, CONTRACT, params).count().execute() == 3
    assert [p.name for p in CONTRACT.path(params).parent.iterdir()] == [f"things.{format_}"]


def test_an_interrupted_write_is_swept_up_by_the_next(workspace: Path, make_params: Any) -> None:
    params = make_params()
    left = CONTRACT.path(params).with_name(".things.csv.writing")
    left.mkdir(parents=True)
    (left / "part-00007.csv").write_text("half")
    with engine.connect(params) as con:
        write(con, TABLE, CONTRACT, params)
        assert scan(con, CONTRACT, params).count().execute() == 3
    assert not left.exists()


def test_a_missing_table_names_the_way_to_it(workspace: Path, make_params: Any) -> None:
    params = make_params()
    with engine.connect(params) as con, pytest.raises(ContractError, match="dvc repro"):
        scan(con, CONTRACT, params)


def test_a_missing_column_is_named(workspace: Path, make_params: Any) -> None:
    params = make_params()
    path = CONTRACT.path(params)
    path.parent.mkdir(parents=True)
    path.write_text("user_id,day,value\n1,,\n")
    with engine.connect(params) as con, pytest.raises(ContractError, match="lacks count"):
        scan(con, CONTRACT, params)


def test_columns_are_found_by_name_not_by_place(workspace: Path, make_params: Any) -> None:
    params = make_params()
    path = CONTRACT.path(params)
    path.parent.mkdir(parents=True)
    path.write_text("count,extra,user_id,value,day\n5,x,007,0.5,2025-01-01\n")
    with engine.connect(params) as con:
        rows = con.to_pyarrow(scan(con, CONTRACT, params)).to_pylist()
    assert rows == [{"user_id": "007", "day": date(2025, 1, 1), "value": 0.5, "count": 5}]


def test_nothing_appended_is_an_error(workspace: Path, make_params: Any) -> None:
    with pytest.raises(ContractError, match="nothing was written"), Writer(CONTRACT, make_params()):
        assert True
