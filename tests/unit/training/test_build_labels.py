"""Labels equal a plain second implementation, for mature days only."""

from __future__ import annotations

import functools
from datetime import date, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from churn_mlops.data.calendar import Calendar
from churn_mlops.data.prepare_dataset import build_user_daily
from churn_mlops.errors import NotEnoughDataError
from churn_mlops.params import Params
from churn_mlops.tables import contracts, write
from churn_mlops.training import build_labels
from tests import logs, reference
from tests.conftest import examples
from tests.queries import Query, unbound

PARAMS = Params.model_validate(
    Params().model_dump() | {"churn": Params().churn.model_dump() | {"window_days": 5}}
)


@functools.cache
def query(con: Any, last: date) -> Query:
    """Labels of a log that ends on a day, sorted by key."""
    empty = unbound(logs.tables(logs.NOTHING, PARAMS))
    daily = build_user_daily(empty["events"], empty["users"], Calendar(logs.FIRST, last), PARAMS)
    return Query(con, build_labels.build_labels(daily, PARAMS).order_by("user_id", "as_of_date"))


@settings(
    max_examples=examples(15),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(log=logs.logs(PARAMS))
def test_labels_equal_the_plain_implementation(con: Any, log: logs.Log) -> None:
    plain = reference.user_daily(log.users, log.events, logs.FIRST, log.last, PARAMS)
    expected = reference.labels(plain, log.last, PARAMS)
    computed = query(con, log.last).compute(logs.tables(log, PARAMS))
    assert computed.to_pylist() == expected


def daily_of(active: list[int], params: Params) -> pa.Table:
    """user_daily of one user, active or not on consecutive days."""
    contract = contracts.user_daily(params)
    start = date(2025, 1, 1)
    rows = [
        dict.fromkeys(contract.names, 0)
        | {"user_id": 1, "as_of_date": start + timedelta(days=n), "is_active_day": value}
        for n, value in enumerate(active)
    ]
    return pa.Table.from_pylist(rows, schema=ibis.schema(contract.types).to_pyarrow())


def test_the_day_itself_does_not_count_and_the_last_day_of_the_horizon_does(
    con: Any, make_params: Any
) -> None:
    params = make_params({"churn": {"window_days": 3}})
    daily = ibis.memtable(daily_of([1, 0, 0, 1, 0, 0, 0], params))
    rows = con.to_pyarrow(build_labels.build_labels(daily, params).order_by("as_of_date"))
    assert rows["future_active_days"].to_pylist() == [1, 1, 1, 0]
    assert rows["churn_label"].to_pylist() == [0, 0, 0, 1]


def test_too_few_days_is_an_error_and_writes_nothing(workspace: Any, make_params: Any) -> None:
    from churn_mlops import engine

    params = make_params({"churn": {"window_days": 3}})
    with engine.connect(params) as con:
        write(con, daily_of([1, 0, 1], params), contracts.user_daily(params), params)
    with pytest.raises(NotEnoughDataError, match="no day is mature: 3 days"):
        build_labels.run(params)
    assert sorted(p.name for p in (workspace / "data/processed").iterdir()) == ["user_daily.csv"]
