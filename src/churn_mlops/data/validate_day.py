"""Judges a day's delivery: the gate for what has arrived, at the cost of a day."""

from __future__ import annotations

from contextlib import closing, nullcontext
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.data import growing, validate
from churn_mlops.data.calendar import Calendar, report_path
from churn_mlops.data.check_rows import ARRIVED
from churn_mlops.data.day_gate import judge, told_arrivals, too_bad
from churn_mlops.data.delivery import Delivery
from churn_mlops.data.prepare_dataset import daily_fingerprint
from churn_mlops.data.raw_tables import open_table
from churn_mlops.data.validate import (
    gate_fingerprint,
    quarantine_contract,
    report_body,
    set_aside,
)
from churn_mlops.data.verdict import Verdict, tally
from churn_mlops.data.window import Checked, checked_strays
from churn_mlops.files import write_json
from churn_mlops.params import Params
from churn_mlops.summary import Summary
from churn_mlops.tables import contracts, scan, write
from churn_mlops.tables.growth import Growth, Whole
from churn_mlops.tables.writer import replace_file, write_days


def run(params: Params, delivery: Delivery | None = None) -> Summary:
    """Check what arrived on the day of the watermark; write quarantine and report.

    All that happened in the days that late rows may still change is checked again, so that the
    quarantine is as if the whole had been checked. The verdict is on the arrivals of the day.
    Where days cannot be added, the whole is checked (`validate.run`); the summary tells why.

    Parameters
    ----------
    params : Params
    delivery : Delivery, optional
        Left open for the one who needs the checked rows next.

    Raises
    ------
    QuarantineError
        Too many of the rows that arrived are bad (`day_gate.too_bad`). Report and quarantine are
        written first, and the day is marked as one not to learn from.
    """
    growth = _growth(params)
    if isinstance(growth, Growth):
        mine = closing(Delivery(params)) if delivery is None else nullcontext(delivery)
        with mine as here, here.checked(growth) as (con, checked):
            earlier = growing.begins_earlier(con, checked, params)
            if earlier is None:
                return _judged(con, checked, growth, params)
            growth = earlier
    return growth.told(validate.run(params), "validate_day")


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
    failed = too_bad(arrivals, params)
    begin = growing.first_day(params) or growth.first
    report = report_body(
        {name: totals[name] for name in tables},
        Calendar(begin, day),
        "failed" if failed else "passed",
    )
    report["arrivals"] = told_arrivals(arrivals, day, too_late)
    write_json(report_path(params), report)
    growth.sign(quarantine_contract(contracts.events(params)).path(params))
    closed = judge(arrivals, failed, day, params)
    if closed is not None:
        raise closed
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
            replace_file(con, bad, contract, params, f"strays-{day}.parquet")
    aside = set_aside(checked.events, contract)
    write_days(con, [aside], contract, params, growth.first, growth.last)
    return [*written, contract.path(params)]
