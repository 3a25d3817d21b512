"""Judges a day's delivery: the gate for what has arrived, at the cost of a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.data import growing, validate
from churn_mlops.data.bad_days import BadDay, mark, unmark
from churn_mlops.data.calendar import Calendar, report_path
from churn_mlops.data.check_rows import ARRIVED
from churn_mlops.data.checks import CHECKS
from churn_mlops.data.prepare_dataset import daily_fingerprint
from churn_mlops.data.raw_tables import open_table, readable
from churn_mlops.data.validate import (
    Verdict,
    gate_fingerprint,
    named,
    quarantine_contract,
    report_body,
    set_aside,
    tally,
)
from churn_mlops.data.window import Checked, checked_strays, checked_window
from churn_mlops.errors import QuarantineError
from churn_mlops.files import write_json
from churn_mlops.params import Params
from churn_mlops.summary import Summary
from churn_mlops.tables import contracts, scan, write
from churn_mlops.tables.growth import Growth, Whole
from churn_mlops.tables.writer import replace_file, write_days


def run(params: Params) -> Summary:
    """Check what arrived on the day of the watermark; write quarantine and report.

    All that happened in the days that late rows may still change is checked again, so that the
    quarantine is as if the whole had been checked. The verdict is on the arrivals of the day.
    Where days cannot be added, the whole is checked (`validate.run`); the summary tells why.

    Raises
    ------
    QuarantineError
        More than ``validation.max_quarantine_share`` of the rows that arrived are bad. Report and
        quarantine are written first, and the day is marked as one not to learn from.
    """
    growth = _growth(params)
    if isinstance(growth, Growth):
        with engine.connect(params) as con, readable(Path(params.paths.data) / "raw"):
            checked = checked_window(con, params, growth)
            earlier = growing.begins_earlier(con, checked, params)
            if earlier is None:
                return _judged(con, checked, growth, params)
            growth = earlier
    return growing.as_a_whole(validate.run(params), growth, "validate_day")


def _growth(params: Params) -> Growth | Whole:
    """As far as the tables behind reach: good rows are told from them."""
    daily = growing.growth(contracts.user_daily(params), params, daily_fingerprint(params))
    if isinstance(daily, Whole):
        return daily
    contract = quarantine_contract(contracts.events(params))
    return growing.growth(contract, params, gate_fingerprint(params), daily.made.last_day)


def _judged(con: engine.Engine, checked: Checked, growth: Growth, params: Params) -> Summary:
    day = growth.last
    strays = checked_strays(con, params, growth, checked)
    outputs = _write_quarantine(con, checked, strays, growth, params)
    tables = {"users": checked.users, "events": checked.events}
    if checked.subscriptions is not None:
        tables["subscriptions"] = checked.subscriptions
    arrivals = {name: tally(con, _arrived(table, day)) for name, table in tables.items()}
    too_late = 0
    if strays is not None:
        told = tally(con, _arrived(strays, day))
        arrivals["events"] += told
        too_late = told.rows_in - told.quarantined
    totals = {name: tally(con, table) for name, table in tables.items() if name != "events"}
    totals["events"] = _all_events(con, params)
    failed = [
        name
        for name, one in arrivals.items()
        if one.rows_in and one.share > params.validation.max_quarantine_share
    ]
    begin = growing.first_day(params) or growth.first
    report = report_body(
        {name: totals[name] for name in tables},
        Calendar(begin, day),
        "failed" if failed else "passed",
    )
    report["arrivals"] = {
        "day": str(day),
        **{name: one.as_json() for name, one in arrivals.items() if one.rows_in},
        "too_late": too_late,
    }
    write_json(report_path(params), report)
    growth.sign(quarantine_contract(contracts.events(params)).path(params))
    if failed:
        raise _closed(failed, arrivals, day, params)
    # It may have been delivered anew.
    unmark(params, day, [check.number for check in CHECKS])
    rows = {name: one.rows_in for name, one in arrivals.items()}
    aside = {f"{name} set aside": one.quarantined for name, one in arrivals.items()}
    facts: dict[str, Any] = {"day": str(day), "too late": too_late}
    return Summary("validate_day", rows | aside, [report_path(params), *outputs], facts)


def _arrived(table: ir.Table, day: date) -> ir.Table:
    return table.filter(table[ARRIVED] == ibis.literal(day))


def _all_events(con: engine.Engine, params: Params) -> Verdict:
    """What is held of events, and why rows of it are in quarantine; muted checks stay silent."""
    rows = engine.value(con, open_table(con, contracts.events(params), params).count())
    aside = scan(con, quarantine_contract(contracts.events(params)), params)
    found = con.to_pyarrow(aside.group_by("check").agg(rows=aside.count())).to_pylist()
    return Verdict(rows, {row["check"]: row["rows"] for row in found}, {})


def _write_quarantine(
    con: engine.Engine,
    checked: Checked,
    strays: ir.Table | None,
    growth: Growth,
    params: Params,
) -> list[Path]:
    """The bad rows of users and subscriptions as a whole, those of events by day.

    An event is filed under its own day. Those that tell of another than the days that are worked
    on, or of none, lie in a file of the day on which they arrived, and are not judged again.
    """
    written = []
    for name in ("users", "subscriptions"):
        table = getattr(checked, name)
        contract = quarantine_contract(getattr(contracts, name)(params))
        if table is not None:
            write(con, contract.sorted(set_aside(table, contract)), contract, params)
            written.append(contract.path(params))
    contract = quarantine_contract(contracts.events(params))
    if strays is not None:
        days = con.to_pyarrow(strays.select(ARRIVED).distinct())[ARRIVED].to_pylist()
        for day in sorted(days):
            bad = contract.sorted(set_aside(_arrived(strays, day), contract))
            replace_file(con, bad, contract.path(params) / f"strays-{day}.parquet")
    aside = set_aside(checked.events, contract)
    write_days(con, [aside], contract, params, growth.first, growth.last)
    return [*written, contract.path(params)]


def _closed(
    failed: list[str], arrivals: dict[str, Verdict], day: date, params: Params
) -> QuarantineError:
    """Mark the day, and say what is wrong with it."""
    worst = arrivals[max(failed, key=lambda name: arrivals[name].share)]
    check = min(worst.counts, key=lambda number: (-worst.counts[number], number))
    lines = [
        f"{name}: {arrivals[name].share:.2%} of {arrivals[name].rows_in:,} rows"
        f" ({named(arrivals[name])})"
        for name in failed
    ]
    mark(params, BadDay(day, check, "; ".join(lines), labels=True))
    return QuarantineError(
        f"of what arrived on {day}, more rows failed their checks than"
        f" validation.max_quarantine_share = {params.validation.max_quarantine_share:.2%} allows:\n"
        + "\n".join(f"  {line}" for line in lines),
        fix="mend the source and deliver anew; the day is in data/raw/bad_days.json: it is not"
        " learned from",
    )
