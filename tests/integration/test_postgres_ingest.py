"""Days out of a real PostgreSQL, which is restarted in between: nothing lost, nothing doubled."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from churn_mlops import engine
from churn_mlops.data import generate_data, ingest
from churn_mlops.data.raw_tables import open_raw
from churn_mlops.data.source_sql import connection
from churn_mlops.errors import SourceError
from churn_mlops.params import Params
from tests.conftest import merge
from tests.grown_days import DAY_STEPS, assert_equal, build, tables, whole
from tests.integration.postgres import Postgres

pytestmark = pytest.mark.slow
FIRST = date(2025, 1, 1)
DIRT = {"duplicates": 0.05, "late": 0.2, "unknown_users": 0.02, "impossible_values": 0.0}
PORTAL = {"data": {"synthetic": {"users": 80, "dirt": DIRT}}}
TYPES = {
    "users": "user_id bigint, signup_date date, plan text, is_paid smallint, country text,"
    " marketing_source text",
    "events": "event_id bigint, user_id bigint, event_time timestamptz, event_type text,"
    " course_id text, watch_minutes double precision, quiz_score double precision,"
    " amount double precision",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    postgres = Postgres()
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.remove()


def arrivals(number: int) -> dict[str, pa.Table]:
    """What the portal delivers on a day, in rows of our columns."""
    from churn_mlops.data.generate_data import portal_blocks

    params = Params.model_validate(merge(Params().model_dump(), PORTAL))
    day = FIRST + timedelta(days=number)
    blocks = list(portal_blocks(params, day, day))
    return {
        "users": pa.concat_tables([block.users for block in blocks]),
        "events": pa.concat_tables([block.events for block in blocks]),
    }


def literal(value: Any) -> str:
    return "NULL" if value is None else f"'{value}'"


def deliver(url: str, number: int, tables_: dict[str, pa.Table] | None = None) -> None:
    """Insert a day's rows; late ones of earlier days are among them."""
    with connection(url) as con, con.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        for name, table in (tables_ or arrivals(number)).items():
            rows = [", ".join(literal(v) for v in row.values()) for row in table.to_pylist()]
            if rows:
                values = ", ".join(f"({row})" for row in rows)
                cursor.execute(f"INSERT INTO {name} VALUES {values}")
        con.commit()


def multiset(params: Params) -> dict[str, collections.Counter[str]]:
    with engine.connect(params) as con:
        raw = open_raw(con, params)
        return {
            name: collections.Counter(map(str, con.to_pyarrow(getattr(raw, name)).to_pylist()))
            for name in ("users", "events")
        }


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_days_are_brought_in_one_by_one(server: Postgres, tmp_path: Path, format_: str) -> None:
    with connection(server.url) as con, con.cursor() as cursor:
        for name, types in TYPES.items():
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            cursor.execute(f"CREATE TABLE {name} ({types})")
        con.commit()
    for number in range(14):
        deliver(server.url, number)
    over = {"tables": {"format": format_}}
    synthetic = whole(tmp_path / "synthetic", 14, merge(PORTAL, over))
    sql = {"url": server.url, "users": "users", "events": "public.events"}
    params = Params.model_validate(
        merge(
            synthetic.model_dump(),
            {
                "paths": {"data": str(tmp_path / "data")},
                "data": {"source": "sql", "sql": sql, "end_date": str(FIRST + timedelta(days=13))},
            },
        )
    )
    generate_data.run(params)
    build(params)
    for number in range(14, 19):
        day = FIRST + timedelta(days=number)
        deliver(server.url, number)
        if number == 16:
            server.stop()
            with pytest.raises(SourceError):
                ingest.run(params, day)
            server.start()
        told = [ingest.run(params, day), *(step(params) for step in DAY_STEPS[1:])]
        assert told[0].rows["events"] == arrivals(number)["events"].num_rows
        before = multiset(params)
        assert ingest.run(params, day).facts["nothing new"] is True
        assert multiset(params) == before
    late = {
        "events": arrivals(18)["events"].slice(0, 5),
        "users": arrivals(18)["users"].slice(0, 0),
    }
    deliver(server.url, 18, late)
    assert ingest.run(params, FIRST + timedelta(days=18)).rows["events"] == 5
    for step in DAY_STEPS[1:]:
        step(params)
    everything = Params.model_validate(
        merge(
            params.model_dump(),
            {
                "paths": {"data": str(tmp_path / "anew")},
                "data": {"end_date": str(FIRST + timedelta(days=18))},
            },
        )
    )
    generate_data.run(everything)
    assert multiset(params) == multiset(everything)
    build(everything)
    assert_equal(tables(params), tables(everything))
