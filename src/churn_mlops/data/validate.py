"""Stage validate_data, a gate that gates: bad rows are set aside, too many of them close it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.data.calendar import Calendar, last_possible_day, last_told_day, report_path
from churn_mlops.data.check_rows import (
    RAW,
    check_events,
    check_subscriptions,
    check_users,
    good,
)
from churn_mlops.data.day_gate import judge, refused_days, told_arrivals, too_bad
from churn_mlops.data.growing import ingested_until
from churn_mlops.data.raw_tables import RawTables, check_structure, open_raw, readable
from churn_mlops.data.verdict import NOTHING, Verdict, named, plain, tally_days
from churn_mlops.data.watermark import source_of
from churn_mlops.data.window import repeated, with_arrival
from churn_mlops.errors import NotEnoughDataError, QuarantineError
from churn_mlops.files import write_json
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import Column, Contract, contracts, write
from churn_mlops.tables.made import fingerprint
from churn_mlops.tables.writer import kept_days


def quarantine_contract(contract: Contract) -> Contract:
    """The table of a table's bad rows: the values as they came, and the check."""
    columns = (*(Column(name, "string") for name in contract.names), Column("check", "string"))
    name, day = f"quarantine_{contract.name}", None if contract.day is None else "day"
    by_day = day is not None
    return Contract(name, "validation", contract.names, columns, parts=by_day, day=day)


def checked_tables(con: engine.Engine, raw: RawTables, params: Params) -> dict[str, ir.Table]:
    """All raw tables with their checks, by name; users are held, as events need them."""
    last_day = last_possible_day(params)
    again = repeated(con, raw.users, "user_id", contracts.users(params), "repeated_users")
    users = check_users(raw.users, params, last_day, again)
    users = con.create_table("checked_users", users, temp=True)
    twice = repeated(con, raw.events, "event_id", contracts.events(params), "repeated_events")
    tables = {
        "users": users,
        "events": check_events(raw.events, good(users), params, last_day, twice),
    }
    if raw.subscriptions is not None:
        tables["subscriptions"] = check_subscriptions(raw.subscriptions, good(users), params)
    return tables


def run(params: Params) -> Summary:
    """Check the raw tables; write quarantine and report.

    The verdict is on all rows. Once days are ingested, the last one is judged on its own as well,
    as `validate_day` does, and what belongs to a day that was refused counts no more: it was told
    of on its day.

    Raises
    ------
    ContractError
        A structural fault.
    QuarantineError
        More than ``validation.max_quarantine_share`` of a table's rows are bad. Report and
        quarantine are written first; when it is the last day's, the day is marked as one not to
        learn from.
    NotEnoughDataError
        No good user or event, or too few days for one label.
    """
    verdicts: dict[str, Verdict] = {}
    by_day: dict[str, dict[date | None, Verdict]] = {}
    outputs: list[Path] = []
    names = ["users", "events", *(["subscriptions"] if params.data.subscriptions else [])]
    day = ingested_until(params)
    refused = [] if day is None else refused_days(params)
    with engine.connect(params) as con, readable(Path(params.paths.data) / "raw"):
        raw = _with_arrival(con, params) if day else open_raw(con, params)
        with steps("validate_data", 2 * len(names)) as step:
            rows = {}
            for name in names:
                rows[name] = check_structure(con, getattr(raw, name), _contract(name, params))
                step(f"{name}: {rows[name]:,} rows")
            tables = checked_tables(con, raw, params)
            last_day = _last_day(con, tables, params)
            for name, table in tables.items():
                by_day[name] = tally_days(con, name, table, {last_day, *refused})
                verdicts[name] = _verdict(by_day[name], rows[name])
                bad = table if verdicts[name].quarantined else None
                outputs.append(_write_quarantine(con, name, bad, params, last_day))
                step(f"{name}: {verdicts[name].quarantined:,} rows set aside")
            if "subscriptions" not in tables:
                outputs.append(_write_quarantine(con, "subscriptions", None, params, last_day))
        calendar = _calendar(con, tables, verdicts, last_day, params)
    report = report_path(params)
    told: dict[str, Any] = {}
    if day is None:
        share = params.validation.max_quarantine_share
        closed = _too_many([n for n, v in verdicts.items() if v.share > share], verdicts, params)
    else:
        arrivals = {name: found.get(day, NOTHING) for name, found in by_day.items()}
        closed = _judged_by_day(by_day, arrivals, day, refused, params)
        # Rows of any day take part, so none is too late.
        told = {"arrivals": told_arrivals(arrivals, day, 0)}
    write_json(report, report_body(verdicts, calendar, "failed" if closed else "passed") | told)
    if closed:
        raise closed
    _require_enough(calendar, params)
    facts = {"first_day": str(calendar.first_day), "last_day": str(calendar.last_day)}
    set_aside = {f"{n} set aside": v.quarantined for n, v in verdicts.items()}
    return Summary("validate_data", rows | set_aside, [report, *outputs], facts)


def _judged_by_day(
    by_day: dict[str, dict[date | None, Verdict]],
    arrivals: dict[str, Verdict],
    day: date,
    refused: list[date],
    params: Params,
) -> QuarantineError | None:
    """Judge the last day on its own, and all others but those that were refused."""
    total = sum(one.rows_in for found in by_day.values() for one in found.values())
    # What came as a whole with the first ingest is a history, not a day.
    if total > sum(one.rows_in for one in arrivals.values()):
        closed = judge(arrivals, too_bad(arrivals, params), day, params)
        if closed is not None:
            return closed
    gone = set(refused) - {day}
    others = {
        name: sum((one for of, one in found.items() if of not in gone), NOTHING)
        for name, found in by_day.items()
    }
    return _too_many(too_bad(others, params), others, params)


def _with_arrival(con: engine.Engine, params: Params) -> RawTables:
    """The raw tables with the day of arrival of each row, where files tell it."""
    if params.tables.format == "csv":
        return open_raw(con, params)
    opened = {
        name: with_arrival(con, _contract(name, params), params) for name in ("users", "events")
    }
    periods = None
    if params.data.subscriptions:
        periods = with_arrival(con, contracts.subscriptions(params), params)
    return RawTables(opened["users"], opened["events"], periods)


def _contract(name: str, params: Params) -> Contract:
    make: Callable[[Params], Contract] = getattr(contracts, name)
    return make(params)


def _verdict(found: dict[date | None, Verdict], rows_in: int) -> Verdict:
    total = sum(found.values(), NOTHING)
    if total.rows_in != rows_in:
        raise AssertionError(f"{rows_in} rows went into the checks and {total.rows_in} came out")
    return total


def _write_quarantine(
    con: engine.Engine, name: str, checked: ir.Table | None, params: Params, last_day: date
) -> Path:
    """Write the bad rows of a table, or a table without rows when there are none."""
    contract = quarantine_contract(_contract(name, params))
    if checked is None:
        schema = contract.types | ({"day": "date"} if contract.day else {})
        came = ibis.memtable([], schema=schema)
    else:
        came = set_aside(checked, contract)
    write(
        con,
        came.order_by(*contract.key),
        contract,
        params,
        last_day=last_day,
        fingerprint=gate_fingerprint(params),
    )
    return contract.path(params)


def set_aside(checked: ir.Table, contract: Contract) -> ir.Table:
    """The rows that a check found bad, as they came; with their day, where the table has one."""
    bad = checked.filter(checked.check.notnull())
    came = {n: bad[f"{RAW}{n}"] for n in contract.names[:-1]}
    day = {contract.day: bad.event_time.date()} if contract.day else {}
    return bad.select(**came, check=bad.check, **day)


def gate_fingerprint(params: Params) -> str:
    """What the verdict on a row depends on, beside the raw tables."""
    rules = params.validation
    body = [source_of(params), rules.required, sorted(rules.muted), kept_days(params)]
    return fingerprint(body, ("data", "tables"))


def _last_day(con: engine.Engine, tables: dict[str, ir.Table], params: Params) -> date:
    """The last complete day: as told, else the last one with a good event."""
    told = last_told_day(params)
    if told is None:
        events = good(tables["events"])
        told = engine.value(con, events.event_time.date().max())
    return plain(told or last_possible_day(params))


def _calendar(
    con: engine.Engine,
    tables: dict[str, ir.Table],
    verdicts: dict[str, Verdict],
    last_day: date,
    params: Params,
) -> Calendar:
    """First and last day: the first as given, else the earliest sign-up or event."""
    for name in ("users", "events"):
        verdict = verdicts[name]
        if verdict.quarantined == verdict.rows_in:
            raise NotEnoughDataError(
                f"none of the {verdict.rows_in:,} {name} is good: {named(verdict)}",
                fix="see data/validation/quarantine_*; docs/checks.md explains the checks",
            )
    first = params.data.start_date
    if first is None:
        users, events = good(tables["users"]), good(tables["events"])
        signup = engine.value(con, users.signup_date.min())
        first = min(signup, engine.value(con, events.event_time.date().min()))
    return Calendar(plain(first), last_day)


def _require_enough(calendar: Calendar, params: Params) -> None:
    window = params.churn.window_days
    if calendar.days <= window:
        raise NotEnoughDataError(
            f"the log has {max(calendar.days, 0)} days ({calendar.first_day} to"
            f" {calendar.last_day}); a horizon of churn.window_days = {window} needs more than"
            f" {window}",
            fix="bring more days, lower churn.window_days, or check data.start_date and end_date",
        )


def _too_many(
    names: list[str], verdicts: dict[str, Verdict], params: Params
) -> QuarantineError | None:
    """What is wrong with these tables; None when it is none."""
    if not names:
        return None
    lines = [
        f"  {name}: {verdicts[name].share:.2%} of {verdicts[name].rows_in:,} rows"
        f" ({named(verdicts[name])}); see"
        f" {quarantine_contract(_contract(name, params)).path(params)}"
        for name in names
    ]
    return QuarantineError(
        "more rows failed their checks than validation.max_quarantine_share ="
        f" {params.validation.max_quarantine_share:.2%} allows:\n" + "\n".join(lines),
        fix="mend the source; docs/checks.md explains every check and which can be muted",
    )


def report_body(verdicts: dict[str, Verdict], calendar: Calendar, status: str) -> dict[str, Any]:
    """The report: whether the gate is open, the days of the log, and what was found."""
    return {
        "status": status,
        "calendar": {"first_day": str(calendar.first_day), "last_day": str(calendar.last_day)},
        "tables": {name: verdict.as_json() for name, verdict in verdicts.items()},
    }
