"""The rows that may still change: those of the last days, those that arrived, and no others."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_mlops import engine
from churn_mlops.data.window import Checked, checked_strays, checked_window, with_arrival
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables import contracts
from tests.unit.data.small_log import GrowingLog, day, event

pytestmark = pytest.mark.slow

Told = dict[str, tuple[str | None, date | None]]
"""By the id of a row: its first failing check, and the day of its arrival."""


@pytest.fixture(scope="module", params=["csv", "parquet"])
def built(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Eight days that were read and built as a whole, from files of either kind."""
    root = tmp_path_factory.mktemp("window")
    with contextlib.chdir(root):
        GrowingLog(request.param).history()
    return root, request.param


@pytest.fixture
def con() -> Iterator[engine.Engine]:
    with engine.connect(Params()) as opened:
        yield opened


@pytest.fixture
def log(built: tuple[Path, str], workspace: Path) -> GrowingLog:
    shutil.copytree(built[0], workspace, dirs_exist_ok=True)
    return GrowingLog(built[1])


def told(con: engine.Engine, table: Any) -> Told:
    rows = con.to_pyarrow(table.select("raw_event_id", "check", "arrived")).to_pylist()
    return {str(row["raw_event_id"]): (row["check"], row["arrived"]) for row in rows}


def both(con: engine.Engine, log: GrowingLog) -> tuple[Checked, Told, Told]:
    growth = log.growth()
    checked = checked_window(con, log.params, growth)
    strays = checked_strays(con, log.params, growth, checked)
    return checked, told(con, checked.events), {} if strays is None else told(con, strays)


def test_the_window_has_the_last_days_and_what_arrived_for_them(
    con: engine.Engine, log: GrowingLog
) -> None:
    log.deliver(8, event(100, 8), event(101, 7))
    assert (log.growth().first, log.growth().last) == (day(6), day(8))
    _, inside, strays = both(con, log)
    assert inside == {
        "6": (None, None), "7": (None, None),
        "100": (None, day(8)), "101": (None, day(8)),
    }  # fmt: skip
    assert strays == {}


def test_what_tells_of_other_days_is_a_stray_once(con: engine.Engine, log: GrowingLog) -> None:
    log.deliver(8, event(100, 2), event(101, None), event(102, 8, kind="nothing"))
    _, inside, strays = both(con, log)
    assert strays == {"100": (None, day(8)), "101": ("CHN110", day(8))}
    assert inside["102"] == ("CHN124", day(8))


def test_an_id_is_taken_by_the_earliest_good_row_wherever_it_lies(
    con: engine.Engine, log: GrowingLog
) -> None:
    # 3 is held since day 3; 50 comes thrice: inside, and twice too late.
    log.deliver(8, event(3, 8), event(50, 8), event(50, 1), event(50, 2), event(4, 1))
    _, inside, strays = both(con, log)
    assert inside["3"] == ("CHN113", day(8))
    assert inside["50"] == (None, day(8))
    assert strays == {"50": ("CHN113", day(8)), "4": ("CHN113", day(8))}


def test_a_bad_row_takes_no_id(con: engine.Engine, log: GrowingLog) -> None:
    log.deliver(8, event(50, 7, kind="nothing"), event(51, 8))
    log.deliver(9, event(50, 9))
    rows = [one for one in told_all(con, log) if one[0] == "50"]
    assert sorted(rows, key=str) == [("50", "CHN124", day(8)), ("50", None, day(9))]


def told_all(con: engine.Engine, log: GrowingLog) -> list[tuple[str, str | None, date | None]]:
    """The window's rows one by one, also those of equal ids."""
    events = checked_window(con, log.params, log.growth()).events
    rows = con.to_pyarrow(events.select("raw_event_id", "check", "arrived")).to_pylist()
    return [(str(row["raw_event_id"]), row["check"], row["arrived"]) for row in rows]


def test_a_user_arrives_with_the_events_and_an_unknown_one_does_not(
    con: engine.Engine, log: GrowingLog
) -> None:
    log.deliver(8, event(100, 8, user=2), event(101, 8, user=3), users=(["2", f"{day(8)}", "pro"],))
    checked, inside, _ = both(con, log)
    assert inside["100"] == (None, day(8))
    assert inside["101"] == ("CHN120", day(8))
    users = con.to_pyarrow(checked.users.select("user_id", "arrived")).to_pylist()
    assert {row["user_id"]: row["arrived"] for row in users} == {1: None, 2: day(8)}
    assert checked.subscriptions is None


def test_no_file_that_can_hold_a_day_is_left_out(con: engine.Engine, log: GrowingLog) -> None:
    log.deliver(8, event(100, 8), event(101, 1))
    contract = contracts.events(log.params)
    for since in range(10):
        rows = con.to_pyarrow(with_arrival(con, contract, log.params, day(since)))
        found = {str(one) for one in rows["event_id"].to_pylist()}
        assert found >= {str(n) for n in range(since, 8)}
        assert ({"100", "101"} <= found) is (since <= 8)
        assert rows.column_names == [*contract.names, "arrived"]


def test_a_damaged_raw_file_is_told_by_its_name(con: engine.Engine, log: GrowingLog) -> None:
    log.deliver(8, event(100, 8))
    path = contracts.events(log.params).path(log.params) / f"arrived-{day(8)}.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(ContractError, match=path.name) as caught:
        checked_window(con, log.params, log.growth())
    assert caught.value.fix
