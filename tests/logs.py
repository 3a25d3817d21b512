"""Random small event logs for property tests."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from churn_mlops.params import Params
from churn_mlops.tables import Contract, contracts

FIRST = date(2025, 1, 1)


class Log(NamedTuple):
    """Clean users, events (with `day`) and subscriptions, and the last day."""

    users: pd.DataFrame
    events: pd.DataFrame
    subscriptions: pd.DataFrame
    last: date


NOTHING = Log(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), FIRST)


def arrow(frame: pd.DataFrame, contract: Contract) -> pa.Table:
    """A frame as an Arrow table with the contract's columns and types."""
    import ibis

    schema = ibis.schema(contract.types).to_pyarrow()
    records = frame.to_dict("records")
    clean = [
        {name: None if pd.isna(row[name]) else row[name] for name in contract.names}
        for row in records
    ]
    return pa.Table.from_pylist(clean, schema=schema)


def tables(log: Log, params: Params) -> dict[str, pa.Table]:
    """The log as clean Arrow tables."""
    return {
        "users": arrow(log.users, contracts.users(params, "processed")),
        "events": arrow(log.events, contracts.events(params, "processed")),
        "subscriptions": arrow(log.subscriptions, contracts.subscriptions(params, "processed")),
    }


@st.composite
def logs(draw: st.DrawFn, params: Params, days: int = 24) -> Log:
    """Draw a clean log: events never come before their user's sign-up."""
    ids = draw(st.lists(st.integers(1, 50), min_size=1, max_size=4, unique=True))
    users, events, periods = [], [], []
    one_decimal = st.integers(0, 1000).map(lambda n: n / 10)
    for user in ids:
        offset = draw(st.integers(-3, days - 2))
        users.append(
            {
                "user_id": user,
                "signup_date": FIRST + timedelta(days=offset),
                "plan": draw(st.sampled_from(["free", "pro", None])),
                "is_paid": draw(st.integers(0, 1)),
                "country": draw(st.sampled_from(["IN", "DE", "é✓"])),
                "marketing_source": "ads",
            }
        )
        for _ in range(draw(st.integers(0, 12))):
            day = FIRST + timedelta(days=draw(st.integers(max(offset, 0), days - 1)))
            seconds = draw(st.sampled_from([0, 1, 43_200, 86_399]))
            measures: dict[str, Any] = {
                name: draw(st.one_of(st.none(), one_decimal)) for name in params.data.measures
            }
            events.append(
                {
                    "event_id": len(events) + 1,
                    "user_id": user,
                    "event_time": datetime.combine(day, datetime.min.time())
                    + timedelta(seconds=seconds),
                    "event_type": draw(st.sampled_from(params.data.event_types)),
                    "course_id": None,
                    "day": day,
                    **measures,
                }
            )
        for _ in range(draw(st.integers(0, 2))):
            begin = draw(st.integers(-2, days))
            length = draw(st.integers(0, days))
            periods.append(
                {
                    "user_id": user,
                    "start_date": FIRST + timedelta(days=begin),
                    "end_date": FIRST + timedelta(days=begin + length),
                    "plan": "pro",
                }
            )
    names = contracts.events(params).names
    return Log(
        pd.DataFrame(users),
        pd.DataFrame(events, columns=[*names, "day"]),
        pd.DataFrame(periods, columns=["user_id", "start_date", "end_date", "plan"]),
        FIRST + timedelta(days=days - 1),
    )
