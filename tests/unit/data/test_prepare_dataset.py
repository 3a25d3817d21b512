"""Clean tables and the daily grid."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from churn_mlops.data import generate_data, prepare_dataset, validate
from churn_mlops.data.calendar import Calendar
from churn_mlops.data.prepare_dataset import build_user_daily
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables import contracts
from tests import logs, reference
from tests.unit.data import source
from tests.unit.features.test_build_features import assert_same, rows_of

PARAMS = Params()


def daily(con: Any, log: logs.Log, first: date) -> list[dict[str, Any]]:
    tables = {name: ibis.memtable(table) for name, table in logs.tables(log, PARAMS).items()}
    built = build_user_daily(tables["events"], tables["users"], Calendar(first, log.last), PARAMS)
    return rows_of(con, built, contracts.user_daily(PARAMS))


@settings(
    max_examples=15,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(log=logs.logs(PARAMS))
def test_user_daily_equals_the_plain_implementation(con: Any, log: logs.Log) -> None:
    for first in (logs.FIRST, logs.FIRST + timedelta(days=5)):
        expected = reference.user_daily(log.users, log.events, first, log.last, PARAMS)
        assert_same(daily(con, log, first), expected)


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
