"""A table that grows has a file for each of its last days, and says what it was made from."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from churn_mlops import engine
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables import Column, Contract, scan, write
from churn_mlops.tables.folders import day_file, days_of
from churn_mlops.tables.made import read_made
from churn_mlops.tables.writer import kept_days, write_days

FIRST = date(2025, 1, 1)
LAST = FIRST + timedelta(days=29)
CONTRACT = Contract(
    "things",
    "processed",
    ("user_id", "as_of_date"),
    (Column("user_id", "int64"), Column("as_of_date", "date"), Column("value", "int32")),
    parts=True,
    day="as_of_date",
)


@pytest.fixture
def params(workspace: Path, make_params: Any) -> Params:
    over = {
        "tables": {"format": "parquet"},
        "churn": {"window_days": 4, "active_within_days": None},
        "features": {"windows_days": (2, 6)},
    }
    made: Params = make_params(over)
    return made


def rows(users: range, value: int = 0) -> pa.Table:
    days = [FIRST + timedelta(days=n) for n in range(30)]
    return pa.table(
        {
            "user_id": pa.array([u for u in users for _ in days], pa.int64()),
            "as_of_date": pa.array([d for _ in users for d in days], pa.date32()),
            "value": pa.array([value] * 30 * len(users), pa.int32()),
        }
    )


def test_recent_days_have_a_file_each(params: Params) -> None:
    parts = [ibis.memtable(rows(range(3))), ibis.memtable(rows(range(3, 5)))]
    with engine.connect(params) as con:
        assert write(con, parts, CONTRACT, params, last_day=LAST, fingerprint="f") == 150
        assert kept_days(params) == 6 + 3 + 1
        path = CONTRACT.path(params)
        assert days_of(path) == [LAST - timedelta(days=n) for n in range(9, -1, -1)]
        everything = con.to_pyarrow(scan(con, CONTRACT, params).order_by("user_id", "as_of_date"))
        assert everything.equals(rows(range(5)).cast(everything.schema))
        one = con.to_pyarrow(con.read_parquet(str(path / f"day-{LAST}.parquet")))
        assert one["user_id"].to_pylist() == [0, 1, 2, 3, 4]
    made = read_made(CONTRACT, params)
    assert made is not None
    assert (made.fingerprint, made.whole, made.last_day) == ("f", LAST, LAST)


@pytest.mark.parametrize("back", [0, 3, 9, 12, 40])
@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_since_is_only_these_days(params: Params, back: int, format_: str) -> None:
    params = params.model_copy(
        update={"tables": params.tables.model_copy(update={"format": format_})}
    )
    since = LAST - timedelta(days=back)
    with engine.connect(params) as con:
        write(con, rows(range(4)), CONTRACT, params, last_day=LAST)
        days = con.to_pyarrow(scan(con, CONTRACT, params, since))["as_of_date"].to_pylist()
    assert len(days) == 4 * min(back + 1, 30)
    assert min(days) >= since


def test_a_table_without_a_day_cannot_be_asked_for_days(params: Params) -> None:
    plain = Contract("plain", "raw", ("user_id",), CONTRACT.columns[:1], parts=True)
    with engine.connect(params) as con:
        write(con, rows(range(1)), plain, params)
        with pytest.raises(ContractError, match="no column that tells"):
            scan(con, plain, params, FIRST)


def test_days_are_replaced_and_added(params: Params) -> None:
    later = LAST + timedelta(days=1)
    with engine.connect(params) as con:
        write(con, rows(range(2)), CONTRACT, params, last_day=LAST)
        new = ibis.memtable(
            pa.table({"user_id": [1, 0], "as_of_date": [later, LAST], "value": [7, 8]})
        )
        file = CONTRACT.path(params) / day_file(LAST)
        before = file.read_bytes()
        with file.open("rb") as old:
            assert write_days(con, [new], CONTRACT, params, LAST, later) == 2
            assert old.read() == before, "a file that is open stays what it was"
        found = con.to_pyarrow(scan(con, CONTRACT, params, LAST).order_by("as_of_date")).to_pylist()
    assert [(r["user_id"], r["as_of_date"], r["value"]) for r in found] == [
        (0, LAST, 8), (1, later, 7),
    ]  # fmt: skip
