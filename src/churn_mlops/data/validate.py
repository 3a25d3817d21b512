"""Stage validate_data, a gate that gates: bad rows are set aside, too many of them close it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.data.calendar import Calendar, last_possible_day, report_path
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
from churn_mlops.errors import NotEnoughDataError, QuarantineError
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import Column, Contract, contracts, write


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
        return self.quarantined / self.rows_in

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
    return Contract(f"quarantine_{contract.name}", "validation", contract.names, columns)


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
            for name, table in tables.items():
                verdicts[name] = _verdict(con, table, rows[name])
                bad = table if verdicts[name].quarantined else None
                outputs.append(_write_quarantine(con, name, bad, params))
                step(f"{name}: {verdicts[name].quarantined:,} rows set aside")
            if "subscriptions" not in tables:
                outputs.append(_write_quarantine(con, "subscriptions", None, params))
        calendar = _calendar(con, tables, verdicts, params)
    too_many = [n for n, v in verdicts.items() if v.share > params.validation.max_quarantine_share]
    report = report_path(params)
    _write_report(report, verdicts, calendar, "failed" if too_many else "passed")
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
    found = table.group_by("check", "muted").agg(rows=table.count())
    counts: Counter[str] = Counter()
    quiet: Counter[str] = Counter()
    seen = 0
    for row in con.to_pyarrow(found).to_pylist():
        seen += row["rows"]
        if row["check"] is not None:
            counts[row["check"]] += row["rows"]
        elif row["muted"] is not None:
            quiet[row["muted"]] += row["rows"]
    if seen != rows_in:
        raise AssertionError(f"{rows_in} rows went into the checks and {seen} came out")
    return Verdict(rows_in, dict(counts), dict(quiet))


def _write_quarantine(
    con: engine.Engine, name: str, checked: ir.Table | None, params: Params
) -> Path:
    """Write the bad rows of a table, or a table without rows when there are none."""
    contract = quarantine_contract(_contract(name, params))
    if checked is None:
        came = ibis.memtable([], schema=contract.types)
    else:
        bad = checked.filter(checked.check.notnull())
        came = bad.select(**{n: bad[f"{RAW}{n}"] for n in contract.names[:-1]}, check=bad.check)
    write(con, contract.sorted(came), contract, params)
    return contract.path(params)


def _calendar(
    con: engine.Engine, tables: dict[str, ir.Table], verdicts: dict[str, Verdict], params: Params
) -> Calendar:
    """First and last day: as given, else the earliest sign-up or event and the last event."""
    for name in ("users", "events"):
        verdict = verdicts[name]
        if verdict.quarantined == verdict.rows_in:
            raise NotEnoughDataError(
                f"none of the {verdict.rows_in:,} {name} is good: {_named(verdict)}",
                fix="see data/validation/quarantine_*; docs/checks.md explains the checks",
            )
    first, last = params.data.start_date, params.data.end_date
    if last is None and params.data.source == "synthetic":
        last = params.data.last_synthetic_day
    if first is None or last is None:
        users, events = good(tables["users"]), good(tables["events"])
        day = events.event_time.date()
        spans = con.to_pyarrow(events.aggregate(first=day.min(), last=day.max())).to_pylist()[0]
        signup = con.to_pyarrow(users.aggregate(day=users.signup_date.min())).to_pylist()[0]["day"]
        first = first or min(signup, spans["first"])
        last = last or spans["last"]
    return Calendar(_plain(first), _plain(last))


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


def _named(verdict: Verdict) -> str:
    ranked = sorted(verdict.counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} {BY_NUMBER[number].name}: {count:,}" for number, count in ranked)


def _too_many(names: list[str], verdicts: dict[str, Verdict], params: Params) -> QuarantineError:
    lines = [
        f"  {name}: {verdicts[name].share:.2%} of {verdicts[name].rows_in:,} rows"
        f" ({_named(verdicts[name])}); see"
        f" {quarantine_contract(_contract(name, params)).path(params)}"
        for name in names
    ]
    return QuarantineError(
        "more rows failed their checks than validation.max_quarantine_share ="
        f" {params.validation.max_quarantine_share:.2%} allows:\n" + "\n".join(lines),
        fix="mend the source; docs/checks.md explains every check and which can be muted",
    )


def _write_report(
    path: Path, verdicts: dict[str, Verdict], calendar: Calendar, status: str
) -> None:
    report = {
        "status": status,
        "calendar": {"first_day": str(calendar.first_day), "last_day": str(calendar.last_day)},
        "tables": {name: verdict.as_json() for name, verdict in verdicts.items()},
    }
    beside = path.with_name(f".{path.name}.writing")
    beside.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    os.replace(beside, path)
