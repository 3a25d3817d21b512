"""Ranges of users cover every user once."""

from __future__ import annotations

from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_mlops.tables.parts import UserRange, hold, user_ranges
from tests.conftest import examples


@settings(
    max_examples=examples(15),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(ids=st.sets(st.integers(-1000, 1000), min_size=1), days=st.integers(1, 900))
def test_every_user_is_in_one_range(con: Any, make_params: Any, ids: set[int], days: int) -> None:
    users = ibis.memtable({"user_id": sorted(ids)})
    params = make_params({"duckdb": {"rows_per_part": 1000}})
    ranges = user_ranges(con, users, days, params)
    parts = [con.to_pyarrow(part.of(users))["user_id"].to_pylist() for part in ranges]
    assert [user for part in parts for user in sorted(part)] == sorted(ids)
    assert all(part for part in parts)


def test_text_ids_keep_their_order(con: Any, make_params: Any) -> None:
    users = ibis.memtable({"user_id": ["b", "a10", "a9", "ü"]})
    ranges = user_ranges(con, users, 500, make_params({"duckdb": {"rows_per_part": 1000}}))
    assert ranges == [UserRange("a10", "a9"), UserRange("b", "ü")]


def test_no_users_no_ranges(con: Any, make_params: Any) -> None:
    users = ibis.memtable({"user_id": [1]}).filter(ibis.literal(False))
    assert user_ranges(con, users, 3, make_params()) == []


def test_a_cluster_cuts_its_work_up_itself(con: Any, make_params: Any) -> None:
    class Cluster:
        name = "pyspark"

    users = ibis.memtable({"user_id": list(range(5))})
    (everybody,) = user_ranges(Cluster(), users, 10**6, make_params())
    assert everybody.of(users) is users
    assert str(everybody) == "all users"


@pytest.mark.parametrize(
    ("format_", "parts", "held"), [("csv", 2, True), ("csv", 1, False), ("parquet", 2, False)]
)
def test_only_a_csv_that_is_read_often_is_held(
    con: Any, make_params: Any, format_: str, parts: int, held: bool
) -> None:
    params = make_params({"tables": {"format": format_}, "duckdb": {"rows_per_part": 1000}})
    table = ibis.memtable({"user_id": list(range(parts))})
    ranges = user_ranges(con, table, 1000, params)
    assert len(ranges) == parts
    assert (hold(con, table, ranges, params) is not table) is held
