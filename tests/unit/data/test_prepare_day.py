"""A day more in the clean tables and in the daily grid."""

from __future__ import annotations

import contextlib
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_mlops import engine
from churn_mlops.data import prepare_day, validate_day
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables import Contract, contracts, scan
from churn_mlops.tables.folders import day_file
from tests.unit.data.small_log import GrowingLog, day, event, files


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight days that were read and built as a whole."""
    root = tmp_path_factory.mktemp("prepare")
    with contextlib.chdir(root):
        GrowingLog("csv").history()
    return root


@pytest.fixture
def log(built: Path, workspace: Path) -> GrowingLog:
    shutil.copytree(built, workspace, dirs_exist_ok=True)
    return GrowingLog("csv", validation={"max_quarantine_share": 1.0})


def rows_of(contract: Contract, params: Params) -> list[dict[str, Any]]:
    with engine.connect(params) as con:
        found = con.to_pyarrow(contract.sorted(scan(con, contract, params)))
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def daily(params: Params) -> dict[tuple[int, date], int]:
    """Events of all types by user and day."""
    rows = rows_of(contracts.user_daily(params), params)
    return {(row["user_id"], row["as_of_date"]): row["total_events"] for row in rows}


def live(log: GrowingLog) -> None:
    validate_day.run(log.params)
    told = prepare_day.run(log.params)
    assert "as a whole" not in told.facts, told


def test_every_known_user_has_a_row_for_the_new_day(log: GrowingLog) -> None:
    log.deliver(8, event(100, 8, user=2), users=(["2", f"{day(8)}", "pro"],))
    live(log)
    found = daily(log.params)
    assert found[1, day(8)] == 0
    assert found[2, day(8)] == 1
    assert (2, day(7)) not in found
    assert len(found) == log.HISTORY + 2


def test_late_rows_change_the_days_that_they_may_change(log: GrowingLog) -> None:
    before = daily(log.params)
    log.deliver(8, event(100, 7), event(101, 6), event(102, 5))
    live(log)
    found = daily(log.params)
    changed = {on for (_, on), events in before.items() if found[1, on] != events}
    assert changed == {day(6), day(7)}
    ids = {
        row["event_id"] for row in rows_of(contracts.events(log.params, "processed"), log.params)
    }
    assert ids == {*range(log.HISTORY), 100, 101}, "what came too late waits for a full build"


def test_a_day_on_which_nothing_happened_has_its_file(log: GrowingLog) -> None:
    log.deliver(9)
    live(log)
    found = daily(log.params)
    assert [found[1, day(n)] for n in (7, 8, 9)] == [1, 0, 0]
    for contract in (contracts.user_daily(log.params), contracts.events(log.params, "processed")):
        assert (contract.path(log.params) / day_file(day(9))).exists()


def test_the_gate_comes_first(log: GrowingLog) -> None:
    log.deliver(8, event(100, 8))
    before = files(Path("data"))
    with pytest.raises(ContractError, match=f"judged days up to {day(7)}, but {day(8)}") as caught:
        prepare_day.run(log.params)
    assert caught.value.fix == "run validate_day first"
    assert files(Path("data")) == before


@pytest.mark.slow
def test_a_run_that_was_killed_between_two_tables_is_made_up_for(
    log: GrowingLog, workspace: Path
) -> None:
    log.deliver(8, event(100, 8), event(101, 7), users=(["2", f"{day(8)}", "pro"],))
    before = Path(shutil.copytree("data/processed", workspace / "before"))
    live(log)
    after = files(Path("data"))
    tables = ["user_daily", "events_clean", "users_clean"]
    # The tables are written in the opposite order; each time one more of them is still as before.
    for n in range(1, len(tables) + 1):
        for name in tables[:n]:
            path = Path(f"data/processed/{name}.parquet")
            shutil.rmtree(path)
            shutil.copytree(before / path.name, path)
        prepare_day.run(log.params)
        assert files(Path("data")) == after
    # Killed after the files of the days, before the note that they are there.
    for name in tables[:2]:
        note = Path(f"{name}.parquet/_made.json")
        shutil.copy(before / note, Path("data/processed") / note)
    prepare_day.run(log.params)
    assert files(Path("data")) == after


@pytest.mark.slow
def test_rows_begun_before_the_sign_up_go_on(workspace: Path) -> None:
    """Where such events are let in, a user's rows begin with the first of them.

    It may lie before the days that are worked on again, or among them: then no second row begins.
    """
    log = GrowingLog("csv", validation={"muted": ("CHN121",), "max_quarantine_share": 1.0})
    log.history()
    late = (event(100, 8, user=2), event(101, 9, user=3))
    log.deliver(10, *late, users=(["2", f"{day(10)}", "pro"], ["3", f"{day(10)}", "pro"]))
    live(log)
    log.deliver(11)
    live(log)
    found: dict[int, list[tuple[date, int, int]]] = {1: [], 2: [], 3: []}
    for row in rows_of(contracts.user_daily(log.params), log.params):
        told = (row["as_of_date"], row["total_events"], row["days_since_signup"])
        found[row["user_id"]].append(told)
    assert found[2] == [(day(8), 1, 0), (day(9), 0, 0), (day(10), 0, 0), (day(11), 0, 1)]
    assert found[3] == [(day(9), 1, 0), (day(10), 0, 0), (day(11), 0, 1)]
    assert [on for on, _, _ in found[1]] == [day(n) for n in range(12)]


def test_a_damaged_table_behind_is_told_by_its_file(log: GrowingLog) -> None:
    log.deliver(8, event(0, 8))
    folder = contracts.events(log.params, "processed").path(log.params)
    file = folder / day_file(day(5))
    assert file.exists()
    validate_day.run(log.params)
    file.write_bytes(b"PAR1 and no more")
    with pytest.raises(ContractError, match=file.name) as caught:
        prepare_day.run(log.params)
    assert caught.value.fix


@pytest.mark.slow
@pytest.mark.parametrize("table", ["user_daily", "events_clean"])
def test_a_table_without_its_note_is_made_as_a_whole(log: GrowingLog, table: str) -> None:
    log.deliver(8, event(100, 8), event(101, 7))
    live(log)
    expected = daily(log.params)
    Path(f"data/processed/{table}.parquet/_made.json").unlink()
    told = prepare_day.run(log.params)
    assert ("as a whole" in told.facts) is (table == "user_daily")
    assert told.stage == "prepare_day"
    assert daily(log.params) == expected
