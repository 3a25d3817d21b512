"""Stage validate_data, a gate that gates: bad rows are set aside, too many of them close it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
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
    repeated_ids,
)
from churn_mlops.data.checks import BY_NUMBER
from churn_mlops.data.raw_tables import RawTables, check_structure, open_raw, readable
from churn_mlops.data.watermark import source_of
from churn_mlops.errors import NotEnoughDataError, QuarantineError
from churn_mlops.files import write_json
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import Column, Contract, contracts, write
from churn_mlops.tables.made import fingerprint
from churn_mlops.tables.writer import kept_days


@dataclass(frozen=True)
class Verdict:
    """What the gate found in one table: rows in, rows ok, and counts per check."""

    rows_in: int
    counts: dict[str, int]
    muted: dict[str, int]

    @property
    def quarantined(self) -> int:
        """Rows set aside."""
        return sum(self.counts.values())

    @property
    def share(self) -> float:
        """Rows set aside as a share of all."""
        return self.quarantined / self.rows_in if self.rows_in else 0.0

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.rows_in + other.rows_in,
            dict(Counter(self.counts) + Counter(other.counts)),
            dict(Counter(self.muted) + Counter(other.muted)),
        )

    def as_json(self) -> dict[str, Any]:
        """The table's part of the report."""
        return {
            "rows_in": self.rows_in,
            "rows_ok": self.rows_in - self.quarantined,
            "rows_quarantined": self.quarantined,
            "quarantine_share": round(self.share, 6),
            "checks": {n: self.counts.get(n, 0) + self.muted.get(n, 0) for n in BY_NUMBER
                       if self.counts.get(n) or self.muted.get(n)},
        }  # fmt: skip


def quarantine_contract(contract: Contract) -> Contract:
    """The table of a table's bad rows: the values as they came, and the check."""
    columns = (*(Column(name, "string") for name in contract.names), Column("check", "string"))
    name, day = f"quarantine_{contract.name}", None if contract.day is None else "day"
    by_day = day is not None
    return Contract(name, "validation", contract.names, columns, parts=by_day, day=day)


def checked_tables(con: engine.Engine, raw: RawTables, params: Params) -> dict[str, ir.Table]:
    """All raw tables with their checks, by name; users are held, as events need them."""
    last_day = last_possible_day(params)
    users = check_users(
        raw.users, params, last_day, _repeated(con, raw.users, "user_id", contracts.users(params))
    )
    users = con.create_table("checked_users", users, temp=True)
    twice = _repeated(con, raw.events, "event_id", contracts.events(params))
    tables = {
        "users": users,
        "events": check_events(raw.events, good(users), params, last_day, twice),
    }
    if raw.subscriptions is not None:
        tables["subscriptions"] = check_subscriptions(raw.subscriptions, good(users), params)
    return tables


def _repeated(con: engine.Engine, raw: ir.Table, key: str, contract: Contract) -> ir.Table | None:
    """The repeated ids, held; None when every id is unique, which saves the search for them."""
    twice = con.create_table(f"repeated_{key}", repeated_ids(raw, key, contract), temp=True)
    return twice if engine.value(con, twice.count()) else None


def run(params: Params) -> Summary:
    """Check the raw tables; write quarantine and report.

    Raises
    ------
    ContractError
        A structural fault.
    QuarantineError
        More than ``validation.max_quarantine_share`` of a table's rows are bad. Report and
        quarantine are written first.
    NotEnoughDataError
        No good user or event, or too few days for one label.
    """
    verdicts: dict[str, Verdict] = {}
    outputs: list[Path] = []
    names = ["users", "events", *(["subscriptions"] if params.data.subscriptions else [])]
    with engine.connect(params) as con, readable(Path(params.paths.data) / "raw"):
        raw = open_raw(con, params)
        with steps("validate_data", 2 * len(names)) as step:
            rows = {}
            for name in names:
                rows[name] = check_structure(con, getattr(raw, name), _contract(name, params))
                step(f"{name}: {rows[name]:,} rows")
            tables = checked_tables(con, raw, params)
            last_day = _last_day(con, tables, params)
            for name, table in tables.items():
                verdicts[name] = _verdict(con, table, rows[name])
                bad = table if verdicts[name].quarantined else None
                outputs.append(_write_quarantine(con, name, bad, params, last_day))
                step(f"{name}: {verdicts[name].quarantined:,} rows set aside")
            if "subscriptions" not in tables:
                outputs.append(_write_quarantine(con, "subscriptions", None, params, last_day))
        calendar = _calendar(con, tables, verdicts, last_day, params)
    too_many = [n for n, v in verdicts.items() if v.share > params.validation.max_quarantine_share]
    report = report_path(params)
    write_json(report, report_body(verdicts, calendar, "failed" if too_many else "passed"))
    if too_many:
        raise _too_many(too_many, verdicts, params)
    _require_enough(calendar, params)
    facts = {"first_day": str(calendar.first_day), "last_day": str(calendar.last_day)}
    set_aside = {f"{n} set aside": v.quarantined for n, v in verdicts.items()}
    return Summary("validate_data", rows | set_aside, [report, *outputs], facts)


def _contract(name: str, params: Params) -> Contract:
    make: Callable[[Params], Contract] = getattr(contracts, name)
    return make(params)


def _verdict(con: engine.Engine, table: ir.Table, rows_in: int) -> Verdict:
    found = tally(con, table)
    if found.rows_in != rows_in:
        raise AssertionError(f"{rows_in} rows went into the checks and {found.rows_in} came out")
    return found


def tally(con: engine.Engine, checked: ir.Table) -> Verdict:
    """Count the rows of a checked table by what is wrong with them."""
    found = checked.group_by("check", "muted").agg(rows=checked.count())
    counts: Counter[str] = Counter()
    quiet: Counter[str] = Counter()
    seen = 0
    for row in con.to_pyarrow(found).to_pylist():
        seen += row["rows"]
        if row["check"] is not None:
            counts[row["check"]] += row["rows"]
        elif row["muted"] is not None:
            quiet[row["muted"]] += row["rows"]
    return Verdict(seen, dict(counts), dict(quiet))


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
    return _plain(told or last_possible_day(params))


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
    return Calendar(_plain(first), last_day)


def _plain(day: date) -> date:
    return date(day.year, day.month, day.day)


def _require_enough(calendar: Calendar, params: Params) -> None:
    window = params.churn.window_days
    if calendar.days <= window:
        raise NotEnoughDataError(
            f"the log has {max(calendar.days, 0)} days ({calendar.first_day} to"
            f" {calendar.last_day}); a horizon of churn.window_days = {window} needs more than"
            f" {window}",
            fix="bring more days, lower churn.window_days, or check data.start_date and end_date",
        )


def named(verdict: Verdict) -> str:
    """The checks that failed, the most frequent first."""
    ranked = sorted(verdict.counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} {BY_NUMBER[number].name}: {count:,}" for number, count in ranked)


def _too_many(names: list[str], verdicts: dict[str, Verdict], params: Params) -> QuarantineError:
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
