"""Text becomes the value it names, or null; never another value."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import ibis
import pyarrow as pa
import pytest

from churn_mlops.data.parse import leading_zeros, text_of, typed


def read(con: Any, values: Any, kind: str) -> list[Any]:
    table = ibis.memtable(pa.table({"v": values}))
    return con.to_pyarrow(table.select(v=typed(table.v, kind)))["v"].to_pylist()


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int64", "12", 12),
        ("int64", "-3", -3),
        ("int64", "9223372036854775807", 2**63 - 1),
        ("int64", "9223372036854775808", None),
        ("int64", "1.5", None),
        ("int64", "1_000", None),
        ("int64", "007", None),
        ("int64", "1e3", None),
        ("int64", " 5", None),
        ("float64", "12.5", 12.5),
        ("float64", "1e3", 1000.0),
        ("float64", "12,5", None),
        ("float64", "1_000", None),
        ("float64", "long", None),
        ("string", "x y", "x y"),
        ("string", "", None),
        ("date", "2025-01-05", date(2025, 1, 5)),
        ("date", "2025-01-05T23:30:00-05:00", date(2025, 1, 6)),
        ("date", "05/01/2025", None),
        ("date", "2025-02-30", None),
        ("timestamp", "2025-01-05 10:11:12", datetime(2025, 1, 5, 10, 11, 12)),
        ("timestamp", "2025-01-05T10:11:12.5Z", datetime(2025, 1, 5, 10, 11, 12, 500_000)),
        ("timestamp", "2025-01-05T10:00:00+02:00", datetime(2025, 1, 5, 8)),
        ("timestamp", "2025-01-05 10:00 +0530", datetime(2025, 1, 5, 4, 30)),
        ("timestamp", "2025-01-05 10:00+02", datetime(2025, 1, 5, 8)),
        ("timestamp", " 2025-1-5 ", datetime(2025, 1, 5)),
        ("timestamp", "2025-01-05 10:00 Europe/Berlin", None),
        ("timestamp", "20250105", None),
        ("timestamp", "1735689600", None),
        ("timestamp", "2025-01-05 25:00:00", None),
    ],
)
def test_text(con: Any, kind: str, text: str, value: Any) -> None:
    assert read(con, [text, None], kind) == [value, None]


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("int64", pa.array([1, None], pa.int32()), [1, None]),
        ("int64", pa.array([2.0, 2.5]), [2, None]),
        ("float64", pa.array([1, 2], pa.int8()), [1.0, 2.0]),
        ("string", pa.array([1, None], pa.int64()), ["1", None]),
        ("date", pa.array([datetime(2025, 1, 5, 23, 59)]), [date(2025, 1, 5)]),
        ("timestamp", pa.array([date(2025, 1, 5)]), [datetime(2025, 1, 5)]),
        ("timestamp", pa.array([1735689600]), [None]),
        ("int64", pa.array([date(2025, 1, 5)]), [None]),
    ],
)
def test_typed_columns(con: Any, kind: str, values: pa.Array, expected: list[Any]) -> None:
    assert read(con, values, kind) == expected


def test_times_with_a_zone_are_utc(con: Any) -> None:
    moment = datetime(2025, 1, 5, 10, tzinfo=UTC)
    values = pa.array([moment], pa.timestamp("us", "Europe/Berlin"))
    assert read(con, values, "timestamp") == [datetime(2025, 1, 5, 10)]


def test_leading_zeros(con: Any) -> None:
    table = ibis.memtable({"v": ["007", "7", "0", "00", "a07", "-7", None]})
    found = con.to_pyarrow(table.select(v=leading_zeros(table.v)))["v"].to_pylist()
    assert found == [True, False, False, True, False, False, False]


def test_empty_text_is_null(con: Any) -> None:
    table = ibis.memtable({"v": ["", "a"]})
    assert con.to_pyarrow(table.select(v=text_of(table.v)))["v"].to_pylist() == [None, "a"]
