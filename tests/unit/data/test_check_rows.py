"""Row checks on tables that are typed already, as from Parquet or a database."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import ibis
import pyarrow as pa
import pytest

from churn_mlops.data.check_rows import (
    check_events,
    check_subscriptions,
    check_users,
    good,
    repeated_ids,
)
from churn_mlops.params import Params
from churn_mlops.tables import contracts

PARAMS = Params()
LAST = date(2025, 4, 30)
EVENT: dict[str, Any] = dict.fromkeys(contracts.events(PARAMS).names) | {
    "event_id": 1,
    "user_id": 1,
    "event_time": datetime(2025, 1, 5, 10),
    "event_type": "login",
}
USER: dict[str, Any] = dict.fromkeys(contracts.users(PARAMS).names) | {
    "user_id": 1,
    "signup_date": date(2025, 1, 1),
}


def table(rows: list[dict[str, Any]], contract: Any) -> ibis.Table:
    schema = ibis.schema(contract.types).to_pyarrow()
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema))


def users() -> ibis.Table:
    return table([USER], contracts.users(PARAMS))


def found(con: Any, rows: list[dict[str, Any]]) -> list[str | None]:
    raw = table(rows, contracts.events(PARAMS))
    twice = repeated_ids(raw, "event_id", contracts.events(PARAMS))
    checked = check_events(raw, users(), PARAMS, LAST, twice)
    rows = con.to_pyarrow(checked.order_by("event_id", "event_time")).to_pylist()
    return [row["check"] for row in rows]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({}, None),
        ({"user_id": None}, "CHN110"),
        ({"event_time": None}, "CHN110"),
        ({"course_id": "a\ufffd"}, "CHN111"),
        ({"user_id": 2}, "CHN120"),
        ({"event_time": datetime(2024, 12, 31)}, "CHN121"),
        ({"event_time": datetime(2025, 1, 1)}, None),
        ({"event_time": datetime(2025, 4, 30, 23, 59)}, None),
        ({"event_time": datetime(2025, 5, 1)}, "CHN122"),
        ({"quiz_score": -0.1}, "CHN123"),
        ({"quiz_score": 100.0}, None),
        ({"quiz_score": float("nan")}, "CHN123"),
        ({"amount": float("inf")}, "CHN123"),
        ({"event_type": "other"}, "CHN124"),
        ({"event_type": "payment_failed"}, "CHN125"),
        ({"event_type": "payment_failed", "amount": 0.0}, None),
        ({"user_id": 2, "quiz_score": -1.0}, "CHN120"),
    ],
)
def test_the_first_failing_check(con: Any, change: dict[str, Any], check: str | None) -> None:
    assert found(con, [EVENT | change]) == [check]


def test_the_first_good_row_of_an_id_stays(con: Any) -> None:
    rows = [
        EVENT | {"event_time": datetime(2025, 1, 7)},
        EVENT | {"event_time": datetime(2025, 1, 6)},
        EVENT | {"event_time": datetime(2025, 1, 2), "event_type": "other"},
        EVENT | {"event_id": 2},
    ]
    assert found(con, rows) == ["CHN124", None, "CHN113", None]


def test_exact_duplicates_leave_one(con: Any) -> None:
    assert sorted(str(c) for c in found(con, [EVENT] * 3)) == ["CHN113", "CHN113", "None"]


def test_good_keeps_typed_columns_only(con: Any) -> None:
    raw = table([EVENT, EVENT | {"event_id": 2, "user_id": 9}], contracts.events(PARAMS))
    rows = con.to_pyarrow(good(check_events(raw, users(), PARAMS, LAST))).to_pylist()
    assert rows == [EVENT]


def test_a_bad_user_is_unknown_to_events(con: Any) -> None:
    raw = table([USER | {"signup_date": date(2026, 1, 1)}], contracts.users(PARAMS))
    checked = check_users(raw, PARAMS, LAST)
    assert con.to_pyarrow(checked)["check"].to_pylist() == ["CHN122"]
    events = table([EVENT], contracts.events(PARAMS))
    left = check_events(events, good(checked), PARAMS, LAST)
    assert con.to_pyarrow(left)["check"].to_pylist() == ["CHN120"]


@pytest.mark.parametrize(
    ("user", "end", "check"),
    [
        (1, date(2025, 1, 1), None),
        (1, date(2024, 12, 31), "CHN130"),
        (2, date(2025, 2, 1), "CHN120"),
    ],
)
def test_subscriptions(con: Any, user: int, end: date, check: str | None) -> None:
    row = {"user_id": user, "start_date": date(2025, 1, 1), "end_date": end, "plan": None}
    raw = table([row], contracts.subscriptions(PARAMS))
    checked = check_subscriptions(raw, users(), PARAMS)
    assert con.to_pyarrow(checked)["check"].to_pylist() == [check]
