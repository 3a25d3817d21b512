"""Clean tables and the daily grid."""

from __future__ import annotations

import functools
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from churn_mlops.data import generate_data, prepare_dataset, validate
from churn_mlops.data.calendar import Calendar
from churn_mlops.data.prepare_dataset import build_user_daily
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables import contracts
from tests import logs, reference
from tests.conftest import examples
from tests.queries import Query, unbound
from tests.unit.data import source
from tests.unit.features.test_build_features import assert_same

PARAMS = Params()


@functools.cache
def query(con: Any, first: date, last: date) -> Query:
    """user_daily of a log between two days, sorted by key."""
    empty = unbound(logs.tables(logs.NOTHING, PARAMS))
    built = build_user_daily(empty["events"], empty["users"], Calendar(first, last), PARAMS)
    return Query(con, contracts.user_daily(PARAMS).sorted(built))


def daily(con: Any, log: logs.Log, first: date) -> list[dict[str, Any]]:
    return query(con, first, log.last).compute(logs.tables(log, PARAMS)).to_pylist()


@settings(
    max_examples=examples(15),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(log=logs.logs(PARAMS))
def test_user_daily_equals_the_plain_implementation(con: Any, log: logs.Log) -> None:
    for first in (logs.FIRST, logs.FIRST + timedelta(days=5)):
        expected = reference.user_daily(log.users, log.events, first, log.last, PARAMS)
        assert_same(daily(con, log, first), expected)


def signed_up_late(*events: int, sign_up: int = 5) -> logs.Log:
    """One user with events on some days, the first of them before the sign-up."""
    users = [{"user_id": 1, "signup_date": logs.FIRST + timedelta(days=sign_up), "is_paid": 0}]
    happened = [
        {
            "event_id": n,
            "user_id": 1,
            "event_time": datetime.combine(logs.FIRST, time(10)) + timedelta(days=n),
            "event_type": "login",
        }
        for n in events
    ]
    columns = contracts.events(PARAMS).names
    return logs.Log(
        pd.DataFrame(users, columns=contracts.users(PARAMS, "processed").names),
        pd.DataFrame(happened, columns=columns),
        pd.DataFrame(columns=contracts.subscriptions(PARAMS).names),
        logs.FIRST + timedelta(days=7),
    )


def test_rows_begin_with_an_event_before_the_sign_up_which_is_no_days_ago_then(con: Any) -> None:
    found = daily(con, signed_up_late(3, 6), logs.FIRST)
    days = [(row["as_of_date"] - logs.FIRST).days for row in found]
    assert days == [3, 4, 5, 6, 7]
    assert [row["days_since_signup"] for row in found] == [0, 0, 0, 1, 2]
    assert [row["total_events"] for row in found] == [1, 0, 0, 1, 0]


def test_an_event_after_the_sign_up_begins_nothing(con: Any) -> None:
    found = daily(con, signed_up_late(6, sign_up=5), logs.FIRST)
    assert [(row["as_of_date"] - logs.FIRST).days for row in found] == [5, 6, 7]
    earlier = daily(con, signed_up_late(6, sign_up=-4), logs.FIRST)
    assert [row["days_since_signup"] for row in earlier] == list(range(4, 12))


def test_users_who_have_rows_already_go_on_without_events(con: Any) -> None:
    log = signed_up_late()
    tables = {name: ibis.memtable(table) for name, table in logs.tables(log, PARAMS).items()}
    calendar = Calendar(logs.FIRST + timedelta(days=4), log.last)
    present = ibis.memtable({"user_id": [1]})
    for known, days in ((None, [5, 6, 7]), (present, [4, 5, 6, 7])):
        built = build_user_daily(tables["events"], tables["users"], calendar, PARAMS, known)
        found = con.to_pyarrow(contracts.user_daily(PARAMS).sorted(built)).to_pylist()
        assert [(row["as_of_date"] - logs.FIRST).days for row in found] == days


def run_all(folder: Path, files: dict[str, bytes]) -> dict[str, int]:
    source.lay_out(folder, files)
    generate_data.run(source.params())
    validate.run(source.params())
    return prepare_dataset.run(source.params()).rows


def test_rows_in_are_rows_out_and_rows_set_aside(workspace: Path) -> None:
    bad = ("9001,77,2025-01-05,login,,,,", "9002,1,2025-01-05,video_watch,,-1,,")
    rows = run_all(workspace, source.with_events(*bad))
    quarantine = (workspace / "data/validation/quarantine_events.csv").read_text().splitlines()
    assert rows["events_clean"] + len(quarantine) - 1 == len(source.events()) + len(bad)
    assert rows["users_clean"] == 10
    assert rows["user_daily"] == 400


def test_a_report_of_other_data_is_an_error(workspace: Path) -> None:
    run_all(workspace, source.good_files())
    path = workspace / "data/raw/events.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(ContractError, match="let 100 rows through, prepare_data has 99"):
        prepare_dataset.run(source.params())


def test_rows_begin_at_sign_up(workspace: Path) -> None:
    rows = run_all(workspace, source.with_users("99,2025-02-07,free,0,US,ads"))
    assert rows["user_daily"] == 400 + 3


def test_the_processed_tables_are_sorted_by_key(workspace: Path) -> None:
    run_all(workspace, source.with_users("11,2025-01-01,free,0,US,ads"))
    lines = (workspace / "data/processed/user_daily.csv").read_text().splitlines()[1:]
    keys = [(int(line.split(",")[0]), line.split(",")[1]) for line in lines]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
