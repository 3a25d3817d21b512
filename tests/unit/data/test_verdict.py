"""Counting checked rows, by day."""

from __future__ import annotations

from datetime import date, datetime

import ibis
import pytest

from churn_mlops import engine
from churn_mlops.data.verdict import NOTHING, Verdict, named, tally, tally_days
from churn_mlops.params import Params

FIRST, SECOND, THIRD = (date(2025, 1, n) for n in (1, 2, 3))
ROWS = [
    # Happened, arrived, what is wrong.
    (datetime(2025, 1, 1, 23), None, None, None),
    (datetime(2025, 1, 2, 10), THIRD, "CHN124", None),
    (datetime(2025, 1, 2, 11), SECOND, None, "CHN121"),
    (None, THIRD, "CHN110", "CHN121"),
]
SCHEMA = {"event_time": "timestamp", "arrived": "date", "check": "string", "muted": "string"}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (True, {None: (1, 0), SECOND: (1, 0), THIRD: (2, 2)}),
        (False, {None: (2, 1), SECOND: (2, 1)}),
    ],
)
def test_rows_belong_to_the_day_of_arrival_or_to_their_own(
    known: bool, expected: dict[date | None, tuple[int, int]]
) -> None:
    table = ibis.memtable(ROWS, schema=SCHEMA)
    table = table if known else table.drop("arrived")
    with engine.connect(Params()) as con:
        found = tally_days(con, "events", table, {SECOND, THIRD})
        total = tally(con, table)
    assert {day: (one.rows_in, one.quarantined) for day, one in found.items()} == expected
    assert total == Verdict(4, {"CHN124": 1, "CHN110": 1}, {"CHN121": 1})
    assert sum(found.values(), NOTHING) == total


def test_the_most_frequent_check_is_named_first() -> None:
    told = named(Verdict(9, {"CHN110": 1, "CHN124": 2}, {}))
    assert told == "CHN124 unknown event type: 2, CHN110 missing key: 1"
