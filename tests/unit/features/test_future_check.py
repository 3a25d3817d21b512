"""CHN302: a feature that looks ahead is found; an honest one is not."""

from __future__ import annotations

import ibis
import numpy as np
import pyarrow as pa
import pytest

from churn_mlops.errors import LeakageError
from churn_mlops.features.build_features import build_features
from churn_mlops.features.future_check import changed, require_no_future, shuffled_after
from churn_mlops.tables import contracts

USERS, DAYS = 20, 40


def made_up(contract, count, **known):
    rng = np.random.default_rng(0)
    columns = []
    for field in ibis.schema(contract.types).to_pyarrow():
        if field.name in known:
            values = known[field.name]
        elif pa.types.is_string(field.type):
            values = rng.choice(["a", "b"], count)
        elif pa.types.is_date(field.type):
            values = np.full(count, np.datetime64("2024-12-01"))
        else:
            values = rng.integers(0, 3, count)
        columns.append(pa.array(values).cast(field.type))
    return pa.Table.from_arrays(columns, names=contract.names)


@pytest.fixture
def tables(make_params):
    params = make_params()
    ids = np.arange(1, USERS + 1)
    first = np.datetime64("2025-01-01")
    daily = made_up(
        contracts.user_daily(params),
        USERS * DAYS,
        user_id=np.repeat(ids, DAYS),
        as_of_date=np.tile(first + np.arange(DAYS), USERS),
    )
    users = made_up(contracts.users(params, "processed"), USERS, user_id=ids)
    return ibis.memtable(daily), ibis.memtable(users)


def looking_ahead(daily, users, params, subscriptions=None):
    window = ibis.window(group_by="user_id", order_by="as_of_date")
    ahead = daily.mutate(logins_count=daily.logins_count.lead(1).over(window).fill_null(0))
    return build_features(ahead, users, params, subscriptions)


def test_the_catalogue_passes(tables, make_params):
    daily, users = tables
    assert require_no_future(build_features, daily, users, make_params()) is None


def test_a_feature_that_looks_a_day_ahead_is_named(tables, make_params):
    daily, users = tables
    with pytest.raises(LeakageError, match=r"CHN302: .*logins_count") as caught:
        require_no_future(looking_ahead, daily, users, make_params())
    assert caught.value.exit_code == 20


def test_muted_it_is_left_out(tables, make_params):
    daily, users = tables
    muted = make_params({"validation": {"muted": ("CHN302",)}})
    assert require_no_future(looking_ahead, daily, users, muted) is None


def test_only_what_came_later_is_shuffled():
    days = np.arange("2025-01-01", "2025-01-11", dtype="datetime64[D]")
    daily = pa.table({"user_id": [1] * 10, "as_of_date": days, "n": range(10)})
    found = shuffled_after(daily, days[4], 0)
    assert found["n"].to_pylist()[:5] == list(range(5))
    assert found["n"].to_pylist()[5:] != list(range(5, 10))
    assert sorted(found["n"].to_pylist()) == list(range(10))
    assert found["as_of_date"] == daily["as_of_date"]


def test_rounding_is_no_change():
    one = pa.table({"a": [1.0, None], "b": ["x", "y"]})
    other = pa.table({"a": [1.0 + 1e-12, None], "b": ["x", "z"]})
    assert changed(one, other, ("a", "b")) == ["b"]
