"""Features equal a plain second implementation, and no row knows anything after its day."""

from __future__ import annotations

import functools
import math
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from churn_mlops.data.calendar import Calendar
from churn_mlops.data.prepare_dataset import build_user_daily
from churn_mlops.features.build_features import build_features
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from tests import logs, reference
from tests.conftest import examples
from tests.queries import Query, unbound

PARAMS = Params.model_validate(
    Params().model_dump()
    | {
        "churn": {"window_days": 4, "active_within_days": 5, "within_subscription": True},
        "features": Params().features.model_dump() | {"windows_days": (2, 5, 9)},
        "data": Params().data.model_dump() | {"subscriptions": True},
    }
)
SLOW = settings(
    max_examples=examples(15),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@functools.cache
def query(con: Any, last: date) -> Query:
    """Features of a log that ends on a day, sorted by key."""
    empty = unbound(logs.tables(logs.NOTHING, PARAMS))
    daily = build_user_daily(empty["events"], empty["users"], Calendar(logs.FIRST, last), PARAMS)
    features = build_features(daily, empty["users"], PARAMS, empty["subscriptions"])
    return Query(con, features_contract(PARAMS).sorted(features))


def computed(con: Any, log: logs.Log) -> list[dict[str, Any]]:
    return query(con, log.last).compute(logs.tables(log, PARAMS)).to_pylist()


def assert_same(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    """Equal rows: numbers to 1e-9 relative, everything else exactly."""
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.keys() == other.keys()
        for name, value in mine.items():
            expected = None if pd.isna(other[name]) else other[name]
            if isinstance(value, float) and expected is not None:
                assert math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9), (
                    name,
                    mine,
                    other,
                )
            else:
                assert value == expected, (name, mine, other)


@SLOW
@given(log=logs.logs(PARAMS))
def test_features_equal_the_plain_implementation(con: Any, log: logs.Log) -> None:
    daily = reference.user_daily(log.users, log.events, logs.FIRST, log.last, PARAMS)
    expected = reference.features(
        daily, log.users, log.events, logs.FIRST, PARAMS, log.subscriptions
    )
    assert_same(computed(con, log), expected)


@SLOW
@given(log=logs.logs(PARAMS), cut=st.integers(0, 22), data=st.data())
def test_nothing_after_a_day_changes_its_row(
    con: Any, log: logs.Log, cut: int, data: st.DataObject
) -> None:
    day = logs.FIRST + timedelta(days=cut)
    other = data.draw(logs.logs(PARAMS))
    ids = set(log.users.user_id)
    invented = other.events[(other.events.day > day) & other.events.user_id.isin(ids)]
    kept = log.events[log.events.day <= day]
    signup = log.users.set_index("user_id").signup_date
    invented = invented[
        [d >= signup[u] for d, u in zip(invented.day, invented.user_id, strict=True)]
    ]
    changed = log._replace(events=pd.concat([kept, invented], ignore_index=True))

    def until(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if row["as_of_date"] <= day]

    assert until(computed(con, log)) == until(computed(con, changed))


@SLOW
@given(log=logs.logs(PARAMS), cut=st.sampled_from((1, 2, 5, 9, 16, 22)))
def test_rows_stay_identical_when_later_days_arrive(con: Any, log: logs.Log, cut: int) -> None:
    day = logs.FIRST + timedelta(days=cut)
    users = log.users[log.users.signup_date <= day]
    if users.empty:
        return
    early = log._replace(users=users, events=log.events[log.events.day <= day], last=day)
    assert computed(con, early) == [r for r in computed(con, log) if r["as_of_date"] <= day]


def test_a_recorded_shift_is_seen_where_it_happens(con: Any) -> None:
    """One login on one day, by hand."""
    users = pd.DataFrame(
        [
            {
                "user_id": 7,
                "signup_date": date(2025, 1, 1),
                "plan": "pro",
                "is_paid": 1,
                "country": "DE",
                "marketing_source": "ads",
            }
        ]
    )
    event = {
        "event_id": 1,
        "user_id": 7,
        "event_time": datetime(2025, 1, 4, 9),
        "event_type": "login",
        "course_id": None,
        "day": date(2025, 1, 4),
    }
    events = pd.DataFrame([event | dict.fromkeys(PARAMS.data.measures)])
    none = pd.DataFrame([], columns=["user_id", "start_date", "end_date", "plan"])
    rows = computed(con, logs.Log(users, events, none, date(2025, 1, 7)))
    assert [r["as_of_date"].day for r in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [r["logins_2d"] for r in rows] == [0, 0, 0, 1, 1, 0, 0]
    assert [r["days_since_last_activity"] for r in rows] == [0, 1, 2, 0, 1, 2, 3]
    assert [r["active_streak_days"] for r in rows] == [0, 0, 0, 1, 0, 0, 0]
    assert [r["weekend_share_9d"] for r in rows] == [None] * 3 + [1.0] * 4
    assert [r["plan"] for r in rows] == ["pro"] * 7
    assert [r["days_since_signup"] for r in rows] == list(range(7))
    assert [r["current_subscriptions"] for r in rows] == [0] * 7
    assert [r["is_eligible"] for r in rows] == [0] * 7


def test_table_types_follow_the_contract(con: Any) -> None:
    types = features_contract(PARAMS).types
    assert types["logins_9d"] == "int32"
    assert types["watch_minutes_9d"] == "float64"
    assert pa.types.is_integer(ibis.dtype(types["user_id"]).to_pyarrow())
