"""The gate of a day: what arrived is judged, and the quarantine is as if all had been checked."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from churn_mlops import engine
from churn_mlops.data import ingest, prepare_day, validate, validate_day
from churn_mlops.data.bad_days import BadDay, mark, read_bad_days
from churn_mlops.data.calendar import report_path
from churn_mlops.data.day_gate import MINIMUM_BAD_ROWS
from churn_mlops.data.validate import quarantine_contract
from churn_mlops.data.watermark import watermark_path
from churn_mlops.errors import ContractError, QuarantineError
from churn_mlops.params import Params
from churn_mlops.tables import contracts, scan
from tests.grown_days import assert_equal, build, live, tables, whole
from tests.grown_days import day as portal_day
from tests.unit.data.small_log import GrowingLog, day, event, files

pytestmark = pytest.mark.slow

STRICT = {"validation": {"max_quarantine_share": 0.4}}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight days that were read and built as a whole."""
    root = tmp_path_factory.mktemp("gate")
    with contextlib.chdir(root):
        GrowingLog("csv").history()
    return root


@pytest.fixture
def log(built: Path, workspace: Path) -> GrowingLog:
    """A copy of them whose gate closes when more than two of five rows are bad."""
    shutil.copytree(built, workspace, dirs_exist_ok=True)
    return GrowingLog("csv", **STRICT)


def report(params: Params) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(report_path(params).read_text())
    return body


def quarantined(params: Params) -> dict[str, str]:
    """The events that are set aside, and why, by their ids."""
    contract = quarantine_contract(contracts.events(params))
    with engine.connect(params) as con:
        rows = con.to_pyarrow(scan(con, contract, params)).to_pylist()
    assert len({row["event_id"] for row in rows}) == len(rows), "no row lies there twice"
    return {row["event_id"]: row["check"] for row in rows}


def broken(number: int) -> list[list[str]]:
    """More bad events of a day than are let pass as a few."""
    return [event(1000 * number + n, number, kind="x") for n in range(MINIMUM_BAD_ROWS + 1)]


def test_the_verdict_is_on_what_arrived(log: GrowingLog) -> None:
    log.deliver(8, event(100, 8), event(101, 7), event(102, 8, kind="x"), event(103, 1))
    told = validate_day.run(log.params)
    assert told.rows == {
        "users": 0, "events": 4, "users set aside": 0, "events set aside": 1,
    }  # fmt: skip
    assert told.facts == {"day": f"{day(8)}", "too late": 1}
    body = report(log.params)
    assert (body["status"], body["calendar"]["last_day"]) == ("passed", f"{day(8)}")
    assert body["arrivals"]["events"]["rows_in"] == 4
    assert body["arrivals"]["too_late"] == 1
    assert "users" not in body["arrivals"], "none arrived"
    assert body["tables"]["events"]["rows_in"] == log.HISTORY + 4


def test_bad_rows_of_earlier_days_are_not_held_against_a_day(log: GrowingLog) -> None:
    log.deliver(8, *broken(8))
    with pytest.raises(QuarantineError, match=r"100\.00% of 11 rows"):
        validate_day.run(log.params)
    log.deliver(9, event(101, 9))
    assert validate_day.run(log.params).rows["events set aside"] == 0
    assert quarantined(log.params) == {row[0]: "CHN124" for row in broken(8)}
    assert [one.day for one in read_bad_days(log.params)] == [day(8)]


def test_bad_users_close_the_gate_too_and_spoil_no_labels(log: GrowingLog) -> None:
    users = [[str(n), "", "pro"] for n in range(2, 3 + MINIMUM_BAD_ROWS)]
    log.deliver(8, event(100, 8), users=(["99", f"{day(8)}", "pro"], *users))
    with pytest.raises(QuarantineError, match=r"users: 91\.67% of 12 rows") as caught:
        validate_day.run(log.params)
    assert caught.value.fix is not None
    assert "deliver anew" in caught.value.fix
    (bad,) = read_bad_days(log.params)
    assert (bad.check, bad.labels) == ("CHN110", False), "activity is all there"


def test_a_few_bad_rows_refuse_no_day(log: GrowingLog) -> None:
    log.deliver(8, event(100, 8), users=(["2", f"{day(8)}", "pro"], ["3", "", "pro"]))
    assert validate_day.run(log.params).rows["users set aside"] == 1
    assert read_bad_days(log.params) == []
    contract = quarantine_contract(contracts.users(log.params))
    with engine.connect(log.params) as con:
        (row,) = con.to_pyarrow(scan(con, contract, log.params)).to_pylist()
    assert (row["user_id"], row["check"]) == ("3", "CHN110")
    assert validate.run(log.params).rows["users set aside"] == 1


def test_a_day_that_is_delivered_anew_is_no_bad_day_any_more(log: GrowingLog) -> None:
    log.deliver(8, *broken(8))
    with pytest.raises(QuarantineError):
        validate_day.run(log.params)
    (bad,) = read_bad_days(log.params)
    assert (bad.day, bad.check, bad.labels) == (day(8), "CHN124", True)
    drifted = BadDay(day(8), "CHN405", "minutes", labels=False)
    mark(log.params, drifted)
    log.deliver(8, *broken(8), *(event(100 + n, 8) for n in range(20)))
    assert validate_day.run(log.params).rows["events"] == 31
    assert read_bad_days(log.params) == [drifted], "what another check found stays"


def test_a_day_without_a_row_passes(log: GrowingLog) -> None:
    ingest.run(log.params, day(8))
    assert validate_day.run(log.params).rows["events"] == 0
    assert report(log.params)["calendar"]["last_day"] == f"{day(8)}"


def test_strays_lie_with_the_day_on_which_they_arrived(log: GrowingLog) -> None:
    log.deliver(8, event(100, 8), event(101, 8), event(102, None), event(103, 1, kind="x"))
    validate_day.run(log.params)
    log.deliver(9, event(104, 9), event(105, 9), event(106, 0, user=7))
    validate_day.run(log.params)
    assert quarantined(log.params) == {"102": "CHN110", "103": "CHN124", "106": "CHN120"}
    folder = quarantine_contract(contracts.events(log.params)).path(log.params)
    assert sorted(path.name for path in folder.glob("strays-*")) == [
        f"strays-{day(8)}.parquet", f"strays-{day(9)}.parquet",
    ]  # fmt: skip


def test_a_gate_that_was_killed_half_way_judges_the_same(log: GrowingLog, workspace: Path) -> None:
    log.deliver(8, event(100, 8), event(101, 8), event(102, 1, kind="x"))
    before = Path(shutil.copytree("data/validation", workspace / "before"))
    validate_day.run(log.params)
    after = files(Path("data"))
    # The report is written last but one, the quarantine's own note last.
    for name in ("report.json", "quarantine_events.parquet/_made.json"):
        shutil.copy(before / name, Path("data/validation") / name)
        validate_day.run(log.params)
        assert files(Path("data")) == after


def test_what_was_not_brought_in_day_by_day_is_checked_as_a_whole(log: GrowingLog) -> None:
    told = validate_day.run(log.params)
    assert (told.stage, told.facts["as a whole"]) == ("validate_day", "no day was ingested")
    watermark_path(log.params).write_text("{")
    with pytest.raises(ContractError, match="damaged"):
        validate_day.run(log.params)


def test_a_damaged_report_means_checking_the_whole(log: GrowingLog) -> None:
    log.deliver(8, event(100, 8))
    report_path(log.params).write_text('{"calendar"')
    told = validate_day.run(log.params)
    assert told.facts["as a whole"] == "there is no report of the gate"
    assert report(log.params)["calendar"] == {"first_day": f"{day(0)}", "last_day": f"{day(8)}"}


def test_a_user_from_before_the_log_moves_its_first_day(workspace: Path) -> None:
    log = GrowingLog("csv", data={"start_date": None})
    log.history()
    log.deliver(8, event(100, 8), users=(["2", "2024-12-30", "pro"],))
    told = validate_day.run(log.params)
    assert "signed up on 2024-12-30 has arrived" in told.facts["as a whole"]
    assert report(log.params)["calendar"]["first_day"] == "2024-12-30"


def test_a_bad_delivery_closes_the_gate_and_the_next_day_goes_on(tmp_path: Path) -> None:
    clean = dict.fromkeys(("duplicates", "late", "unknown_users", "impossible_values"), 0.0)
    over = {
        "validation": {"max_quarantine_share": 0.0},
        "data": {"synthetic": {"dirt": clean}},
    }
    params = whole(tmp_path / "grown", 16, over)
    ingest.run(params, portal_day(17))
    raw = tmp_path / "grown/raw/events.parquet" / f"arrived-{portal_day(17)}.parquet"
    table = pq.read_table(raw)
    spoilt = pc.if_else(pc.equal(table["event_type"], "login"), "logout", table["event_type"])
    place = table.column_names.index("event_type")
    pq.write_table(
        table.set_column(place, "event_type", pa.chunked_array([spoilt.combine_chunks()])), raw
    )
    with pytest.raises(QuarantineError, match="CHN124") as caught:
        validate_day.run(params)
    assert caught.value.exit_code == 13
    (bad,) = read_bad_days(params)
    assert (bad.day, bad.check, bad.labels) == (portal_day(17), "CHN124", True)
    report = json.loads(report_path(params).read_text())
    assert report["status"] == "failed"
    assert report["calendar"]["last_day"] == str(portal_day(17))
    with pytest.raises(ContractError, match="did not pass"):
        prepare_day.run(params)
    told = live(params, 18)
    assert not any("as a whole" in one.facts for one in told)
    days = tables(params)["user_daily"]["as_of_date"].to_pylist()
    assert portal_day(17) in days
    assert portal_day(18) in days
    assert json.loads(report_path(params).read_text())["status"] == "passed"
    expected = tables(params)
    build(params)
    assert_equal(tables(params), expected)


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_both_formats_refuse_the_same_days(workspace: Path, format_: str) -> None:
    log = GrowingLog("csv", tables={"format": format_}, validation={"max_quarantine_share": 0.1})
    rows = [event(10_000 + n, n % 8) for n in range(300)]
    log.history(*rows)
    refused = []
    for number in range(8, 14):
        # Few beside the history on the first day, many on the second.
        bad = broken(number) * (1 if number == 8 else 6) if number in (8, 9) else []
        bad = [[f"{number}{n:04}", *row[1:]] for n, row in enumerate(bad)]
        log.deliver(number, event(100 + number, number), *bad)
        for run in (validate_day.run, validate.run):
            try:
                run(log.params)
            except QuarantineError:
                refused.append((number, run.__module__.rpartition(".")[2]))
        if number not in (8, 9):
            prepare_day.run(log.params)
    assert refused == [(n, step) for n in (8, 9) for step in ("validate_day", "validate")]
    marked = [(one.day, one.check, one.labels) for one in read_bad_days(log.params)]
    assert marked == [(day(n), "CHN124", True) for n in (8, 9)]
    body = report(log.params)
    assert body["status"] == "passed"
    assert body["arrivals"]["day"] == f"{day(13)}"
    assert body["tables"]["events"]["quarantine_share"] > 0.1, "all are counted"


def test_what_is_too_late_waits_for_a_full_build(tmp_path: Path) -> None:
    over = {"data": {"late_days": 0}}
    params = whole(tmp_path / "grown", 16, over)
    live(params, 17)
    live(params, 18)
    arrived = json.loads(report_path(params).read_text())["arrivals"]
    assert arrived["day"] == str(portal_day(18))
    assert arrived["too_late"] > 0
    full = tables(whole(tmp_path / "whole", 18, over))
    assert tables(params)["events_clean"].num_rows < full["events_clean"].num_rows
    build(params)
    assert_equal(tables(params), full)
