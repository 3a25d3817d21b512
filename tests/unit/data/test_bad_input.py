"""Broken and odd inputs: each ends in its check or one clear error, nothing half-written."""

from __future__ import annotations

import csv
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import yaml

from churn_mlops.data import generate_data, prepare_dataset, validate
from churn_mlops.errors import (
    ChurnError,
    ContractError,
    NotEnoughDataError,
    ParamsError,
    QuarantineError,
    SourceError,
)
from tests.unit.data import source
from tests.unit.data.source import (
    EVENTS_HEADER,
    USERS_HEADER,
    events,
    good_files,
    text,
    users,
    with_events,
    with_users,
)


class Row(NamedTuple):
    """Rows that a check must set aside: the table, the check, and how many."""

    files: dict[str, bytes]
    check: str
    count: int = 1
    table: str = "events"
    over: Mapping[str, Any] = MappingProxyType({})


SUBSCRIPTIONS = {"data": {"subscriptions": True, "files": {"subscriptions": "in/subs.csv"}}}


def subs(*rows: str) -> dict[str, bytes]:
    return good_files() | {"in/subs.csv": text("user_id,start_date,end_date,plan", list(rows))}


ROWS = {
    "duplicate event, exact": Row(with_events(events()[0]), "CHN113"),
    "duplicate event, other content": Row(
        with_events("1,3,2025-01-20 08:00:00,login,,,,"), "CHN113"
    ),
    "duplicate of a bad row is no duplicate": Row(
        with_events("9001,1,2025-01-05,login,,-5,,", "9001,1,2025-01-06,login,,5,,"), "CHN123"
    ),
    "duplicate user": Row(with_users("1,2025-01-02,free,0,US,ads"), "CHN113", table="users"),
    "missing user id": Row(with_events("9001,,2025-01-05,login,,,,"), "CHN110"),
    "missing event id": Row(with_events(",1,2025-01-05,login,,,,"), "CHN110"),
    "missing time": Row(with_events("9001,1,,login,,,,"), "CHN110"),
    "missing type": Row(with_events("9001,1,2025-01-05,,,,,"), "CHN110"),
    "missing sign-up": Row(with_users("99,,free,0,US,ads"), "CHN110", table="users"),
    "broken encoding in one row": Row(
        good_files()
        | {
            "in/events.csv": text(EVENTS_HEADER, events()) + b"9001,1,2025-01-05,login,caf\xe9,,,\n"
        },
        "CHN111",
    ),
    "mixed date formats": Row(
        with_events("9001,1,05/01/2025,login,,,,", "9002,1,5 Jan 2025,login,,,,"), "CHN112", 2
    ),
    "a date that does not exist": Row(with_events("9001,1,2025-02-30,login,,,,"), "CHN112"),
    "a named time zone": Row(
        with_events("9001,1,2025-01-05 10:00 Europe/Berlin,login,,,,"), "CHN112"
    ),
    "text in a number": Row(with_events("9001,1,2025-01-05,video_watch,,long,,"), "CHN112"),
    "decimal comma": Row(with_events('9001,1,2025-01-05,video_watch,,"12,5",,'), "CHN112"),
    "text in one id": Row(with_events("9001,abc,2025-01-05,login,,,,"), "CHN112"),
    "fraction as id": Row(with_events("9001,1.5,2025-01-05,login,,,,"), "CHN112"),
    "unreadable sign-up": Row(with_users("99,soon,free,0,US,ads"), "CHN112", table="users"),
    "unknown user": Row(with_events("9001,777,2025-01-05,login,,,,"), "CHN120"),
    "event before sign-up": Row(with_events("9001,1,2024-12-31 23:59:59,login,,,,"), "CHN121"),
    "future date": Row(with_events("9001,1,2099-01-01,login,,,,"), "CHN122"),
    "future sign-up": Row(with_users("99,2099-01-01,free,0,US,ads"), "CHN122", table="users"),
    "negative minutes": Row(with_events("9001,1,2025-01-05,video_watch,,-1,,"), "CHN123"),
    "score above 100": Row(with_events("9001,1,2025-01-05,quiz_attempt,,,100.5,"), "CHN123"),
    "not a number": Row(with_events("9001,1,2025-01-05,quiz_attempt,,,NaN,"), "CHN123"),
    "infinite": Row(
        with_events("9001,1,2025-01-05,payment_success,,,,inf", "9002,1,2025-01-05,login,,,,1e400"),
        "CHN123",
        2,
    ),
    "unknown type": Row(with_events("9001,1,2025-01-05,loggin,,,,"), "CHN124"),
    "payment without amount": Row(with_events("9001,1,2025-01-05,payment_failed,,,,"), "CHN125"),
    "subscription of nobody": Row(
        subs("1,2025-01-01,2025-02-01,pro", "77,2025-01-01,2025-02-01,pro"),
        "CHN120",
        table="subscriptions",
        over=SUBSCRIPTIONS,
    ),
    "subscription that ends first": Row(
        subs("1,2025-01-01,2025-02-01,pro", "1,2025-02-01,2025-01-01,pro"),
        "CHN130",
        table="subscriptions",
        over=SUBSCRIPTIONS,
    ),
}


def bring_in(folder: Path, files: dict[str, bytes], over: Mapping[str, Any] | None = None) -> None:
    """Run the source and the gate on these files."""
    source.lay_out(folder, files)
    params = source.params(over)
    generate_data.run(params)
    validate.run(params)


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "data/validation/report.json").read_text())
    for table in found["tables"].values():
        assert table["rows_in"] == table["rows_ok"] + table["rows_quarantined"]
        assert table["rows_quarantined"] <= sum(table["checks"].values())
    return found


def nothing_half_written(folder: Path) -> None:
    assert [path for path in folder.rglob("*") if path.name.endswith(".writing")] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_a_bad_row_is_set_aside_with_its_number(workspace: Path, name: str) -> None:
    case = ROWS[name]
    bring_in(workspace, case.files, case.over)
    tables = report(workspace)["tables"]
    assert tables[case.table]["checks"] == {case.check: case.count}
    assert sum(t["rows_quarantined"] for t in tables.values()) == case.count
    path = workspace / f"data/validation/quarantine_{case.table}.csv"
    with path.open(newline="", encoding="utf-8") as file:
        assert [row["check"] for row in csv.DictReader(file)] == [case.check] * case.count
    summary = prepare_dataset.run(source.params(case.over))
    assert summary.rows[f"{case.table}_clean"] == tables[case.table]["rows_ok"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_too_many_bad_rows_close_the_gate(workspace: Path, name: str) -> None:
    case = ROWS[name]
    closed = {"validation": {"max_quarantine_share": 0.0}} | dict(case.over)
    with pytest.raises(QuarantineError, match=case.check) as caught:
        bring_in(workspace, case.files, closed)
    assert caught.value.exit_code == 13
    assert f"quarantine_{case.table}.csv" in str(caught.value)
    assert report(workspace)["status"] == "failed"
    nothing_half_written(workspace)
    with pytest.raises(ContractError, match="did not pass"):
        prepare_dataset.run(source.params(case.over))
    assert not (workspace / "data/processed").exists()


def test_the_quarantine_keeps_what_came(workspace: Path) -> None:
    bring_in(workspace, with_events("9001,1,05/01/2025,login,\U0001f600,1e3,,"))
    with (workspace / "data/validation/quarantine_events.csv").open(encoding="utf-8") as file:
        (row,) = list(csv.DictReader(file))
    assert row["event_time"] == "05/01/2025"
    assert row["course_id"] == "\U0001f600"
    assert row["watch_minutes"] == "1e3"


class Broken(NamedTuple):
    """An input that stops a stage: the error, its code and words of its message."""

    files: dict[str, bytes]
    error: type[ChurnError]
    words: str
    over: Mapping[str, Any] = MappingProxyType({})


GOOD = good_files()
EVENTS = GOOD["in/events.csv"]
BROKEN = {
    "no such file": Broken({"in/users.csv": GOOD["in/users.csv"]}, SourceError, "no file matches"),
    "a directory": Broken(
        GOOD, SourceError, "is a directory", {"data": {"files": {"events": "in"}}}
    ),
    "an unknown kind of file": Broken(
        GOOD | {"in/e.xlsx": b"PK"},
        SourceError,
        "only .csv",
        {"data": {"files": {"events": "in/e.xlsx"}}},
    ),
    "empty file": Broken(GOOD | {"in/events.csv": b""}, ContractError, "CHN104"),
    "header only": Broken(
        GOOD | {"in/events.csv": text(EVENTS_HEADER, [])}, ContractError, "CHN104"
    ),
    "no users": Broken(GOOD | {"in/users.csv": text(USERS_HEADER, [])}, ContractError, "CHN104"),
    "missing column": Broken(
        GOOD | {"in/events.csv": EVENTS.replace(b"watch_minutes", b"wach_minutes")},
        ContractError,
        "CHN103: .*lacks watch_minutes; did you mean 'wach_minutes'",
    ),
    "missing attribute": Broken(
        GOOD | {"in/users.csv": GOOD["in/users.csv"].replace(b"country", b"land")},
        ContractError,
        "CHN103: .*lacks country",
    ),
    "duplicate header": Broken(
        GOOD | {"in/events.csv": EVENTS.replace(b"course_id", b"event_type")},
        ContractError,
        "CHN102: .*event_type twice",
    ),
    "semicolons": Broken(
        GOOD | {"in/events.csv": EVENTS.replace(b",", b";")}, ContractError, "check the delimiter"
    ),
    "last row cut off": Broken(
        GOOD
        | {"in/events.csv": EVENTS[: EVENTS.rindex(b",login") if EVENTS.rindex(b",login") else 0]},
        ContractError,
        "CHN101",
    ),
    "a row too long": Broken(
        GOOD | {"in/events.csv": EVENTS + b"1,2,3,4,5,6,7,8,9,10\n"}, ContractError, "CHN101"
    ),
    "quote never closed": Broken(
        GOOD | {"in/events.csv": EVENTS + b'9001,1,2025-01-05,"login,,,,\n'},
        ContractError,
        "CHN101",
    ),
    "10 MB in one line": Broken(
        GOOD | {"in/events.csv": b"x" * 10_000_000}, ContractError, "CHN101: .*first line"
    ),
    "10 MB in one row": Broken(
        GOOD
        | {"in/events.csv": EVENTS + b"9001,1,2025-01-05,login," + b"x" * 10_000_000 + b",,,\n"},
        ContractError,
        "CHN101",
    ),
    "truncated gzip": Broken(
        GOOD | {"in/e.csv.gz": gzip.compress(EVENTS)[:-20]},
        SourceError,
        "cannot be decompressed",
        {"data": {"files": {"events": "in/e.csv.gz"}}},
    ),
    "no gzip at all": Broken(
        GOOD | {"in/e.csv.gz": EVENTS},
        SourceError,
        "cannot be decompressed",
        {"data": {"files": {"events": "in/e.csv.gz"}}},
    ),
    "broken parquet": Broken(
        GOOD | {"in/e.parquet": b"PAR1 and then nothing"},
        ContractError,
        "CHN101",
        {"data": {"files": {"events": "in/e.parquet"}}},
    ),
    "ids with leading zeros": Broken(
        GOOD | {"in/users.csv": text(USERS_HEADER, ["007,2025-01-01,pro,1,DE,ads", *users()])},
        ContractError,
        "CHN105: .*leading zeros.*\n.*data.user_id: text",
    ),
    "ids that are text": Broken(
        GOOD | {"in/users.csv": text(USERS_HEADER, [f"u{row}" for row in users()])},
        ContractError,
        "CHN106: .*user_id.*\n.*data.user_id: text",
    ),
    "swapped columns": Broken(
        GOOD,
        ContractError,
        "CHN106",
        {"data": {"columns": {"events": {"event_time": "event_type", "event_type": "event_time"}}}},
    ),
    "a mapping to nowhere": Broken(
        GOOD,
        ContractError,
        "CHN103: .*lacks when",
        {"data": {"columns": {"events": {"event_time": "when"}}}},
    ),
    "a mapping of nothing": Broken(
        GOOD,
        ContractError,
        "no column 'evnt_time'; did you mean 'event_time'",
        {"data": {"columns": {"events": {"evnt_time": "when"}}}},
    ),
    "no good event": Broken(
        GOOD | {"in/events.csv": text(EVENTS_HEADER, ["1,99,2025-01-05,login,,,,"])},
        NotEnoughDataError,
        "none of the 1 events is good: CHN120",
    ),
    "three days of data": Broken(
        GOOD,
        NotEnoughDataError,
        "has 3 days",
        {"data": {"start_date": "2025-02-07", "end_date": "2025-02-09"}},
    ),
    "a check that cannot be muted": Broken(
        GOOD, ParamsError, "CHN120 .* cannot be muted", {"validation": {"muted": ("CHN120",)}}
    ),
    "a check that is not there": Broken(
        GOOD, ParamsError, "there is no check CHN999", {"validation": {"muted": ("CHN999",)}}
    ),
    "subscriptions that are not given": Broken(
        GOOD, ParamsError, "subscriptions is not given", {"data": {"subscriptions": True}}
    ),
    "attributes without users": Broken(
        GOOD, ParamsError, "users is not given", {"data": {"files": {"users": None}}}
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_input_is_one_clear_error(workspace: Path, name: str) -> None:
    case = BROKEN[name]
    with pytest.raises(case.error) as caught:
        bring_in(workspace, case.files, case.over)
    assert re.search(case.words, str(caught.value)), str(caught.value)
    assert caught.value.fix
    nothing_half_written(workspace)


def sixty_nuls() -> dict[str, bytes]:
    return GOOD | {"in/events.csv": EVENTS + b"9001,1,2025-01-05,lo\x00gin,,,,\n"}


FINE: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
    "as it is": (GOOD, {}),
    "byte order mark and CRLF": (
        {k: b"\xef\xbb\xbf" + v.replace(b"\n", b"\r\n") for k, v in GOOD.items()},
        {},
    ),
    "gzip": (
        GOOD | {"in/e.csv.gz": gzip.compress(EVENTS)},
        {"data": {"files": {"events": "in/e.csv.gz"}}},
    ),
    "emoji": (with_users("99,2025-01-01,\U0001f600 pro,1,D\u00c9,a\u0308ds"), {}),
    "columns in another order and one too many": (
        GOOD
        | {
            "in/users.csv": text(
                "x,country,signup_date,plan,is_paid,marketing_source,user_id",
                [f"?,DE,2025-01-01,pro,1,ads,{n}" for n in range(1, 11)],
            )
        },
        {},
    ),
    "no final line break": ({k: v.rstrip(b"\n") for k, v in GOOD.items()}, {}),
    "one type never occurs": (
        GOOD | {"in/events.csv": text(EVENTS_HEADER, [r for r in events() if "quiz" not in r])},
        {},
    ),
    "one user only": (
        GOOD
        | {
            "in/users.csv": text(USERS_HEADER, users()[:1]),
            "in/events.csv": text(EVENTS_HEADER, [r for r in events() if r.split(",")[1] == "1"]),
        },
        {},
    ),
    "no churners": (
        with_events(
            *(
                f"{9000 + n * 50 + d},{n},2025-01-{d:02},login,,,,"
                for n in range(1, 11)
                for d in range(1, 32)
            )
        ),
        {},
    ),
    "all churners": (
        GOOD
        | {
            "in/events.csv": text(
                EVENTS_HEADER, [f"{n},{n},2025-01-02,login,,,," for n in range(1, 11)]
            )
        },
        {},
    ),
    "two files": (
        GOOD
        | {
            "in/e-1.csv": text(EVENTS_HEADER, events()[:50]),
            "in/e-2.csv": text(EVENTS_HEADER, events()[50:]),
        },
        {"data": {"files": {"events": "in/e-*.csv"}}},
    ),
    "text ids keep their zeros": (
        {
            "in/users.csv": text(USERS_HEADER, ["007,2025-01-01,pro,1,DE,ads"]),
            "in/events.csv": text(EVENTS_HEADER, ["0a,007,2025-01-02,login,,,,"]),
        },
        {"data": {"user_id": "text", "event_id": "text"}},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FINE)
def test_an_odd_input_is_fine(workspace: Path, name: str) -> None:
    files, over = FINE[name]
    bring_in(workspace, files, over)
    found = report(workspace)
    assert found["status"] == "passed"
    assert [t["rows_quarantined"] for t in found["tables"].values()] == [0] * len(found["tables"])
    rows = prepare_dataset.run(source.params(over)).rows
    assert rows["events_clean"] == found["tables"]["events"]["rows_in"]
    assert rows["user_daily"] == 40 * rows["users_clean"]


def test_nul_bytes_lose_no_row(workspace: Path) -> None:
    bring_in(workspace, sixty_nuls())
    events_table = report(workspace)["tables"]["events"]
    assert events_table["rows_in"] == len(events()) + 1
    assert events_table["checks"] == {"CHN124": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "day"),
    [
        ("2025-01-05T23:30:00-05:00", "2025-01-06"),
        ("2025-01-05T00:30:00+02:00", "2025-01-04"),
        ("2025-01-05T23:30:00Z", "2025-01-05"),
        ("2025-01-05", "2025-01-05"),
    ],
)
def test_times_are_counted_in_utc(workspace: Path, when: str, day: str) -> None:
    bring_in(workspace, with_events(f"9001,1,{when},support_ticket,,,,"))
    prepare_dataset.run(source.params())
    with (workspace / "data/processed/user_daily.csv").open() as file:
        days = [r["as_of_date"] for r in csv.DictReader(file) if r["support_ticket_count"] == "1"]
    assert days == [day]


def test_a_muted_check_counts_and_lets_pass(workspace: Path) -> None:
    muted = {"validation": {"muted": ("CHN121",), "max_quarantine_share": 0.0}}
    bring_in(workspace, with_events("9001,1,2024-12-31,login,,,,"), muted)
    table = report(workspace)["tables"]["events"]
    assert table["checks"] == {"CHN121": 1}
    assert table["rows_quarantined"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "files", "code"),
    [
        ("generate-data", {}, 11),
        ("generate-data", GOOD | {"in/events.csv": b""}, 12),
        ("validate-data", with_events("9001,777,2025-01-05,login,,,,"), 13),
    ],
)
def test_the_program_ends_with_the_code_and_no_traceback(
    workspace: Path, command: str, files: dict[str, bytes], code: int
) -> None:
    source.lay_out(workspace, files)
    tree = source.params({"validation": {"max_quarantine_share": 0.0}}).model_dump(mode="json")
    (workspace / "params.yaml").write_text(yaml.safe_dump(tree))
    program = [sys.executable, "-c", "from churn_mlops.cli import main; main()"]
    if command != "generate-data":
        subprocess.run([*program, "generate-data"], check=True, capture_output=True)
    done = subprocess.run([*program, command, "--json"], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
