"""Brings new days of the event log in; what is held already stays as it is.

What is new is a difference of multisets, on whole rows, within the days that are looked at: equal
rows of the source stay so many, and a replay adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.data import arrivals
from churn_mlops.data.bad_days import bad_days_path, write_bad_days
from churn_mlops.data.columns import as_held, contract_of, numbered
from churn_mlops.data.deliveries import Delivery, delivered
from churn_mlops.data.parse import typed
from churn_mlops.data.raw_tables import readable
from churn_mlops.data.seen_files import write_seen
from churn_mlops.data.sources import users_of
from churn_mlops.data.watermark import (
    Watermark,
    read_watermark,
    source_of,
    write_watermark,
)
from churn_mlops.errors import ContractError, ParamsError
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables.writer import hold_as


def next_day(params: Params) -> date:
    """The day that is brought in when none is named.

    Of the synthetic portal the day after the watermark, or in an empty workspace the last of
    ``data.synthetic.days``; else yesterday (UTC).
    """
    if params.data.source != "synthetic":
        return datetime.now(UTC).date() - timedelta(days=1)
    mark = read_watermark(params)
    if mark is None or mark.as_of is None:
        return params.data.last_synthetic_day
    return mark.as_of + timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """What is looked at: days from `first` (None: all) to `last`; new rows arrive on `arrival`."""

    first: date | None
    last: date
    arrival: date


def run(params: Params, as_of: date | None = None, since: date | None = None) -> Summary:
    """Bring in the days up to `as_of`, and late rows of the ``data.late_days`` before.

    Asking for a day that is held already is a replay: it adds late rows, if there are any, and
    else changes nothing.

    Parameters
    ----------
    params : Params
    as_of : date, optional
        The last complete day to bring in; `next_day` unless told.
    since : date, optional
        Look for late rows back to this day instead.

    Raises
    ------
    ContractError
        The raw tables came from another source, or a table lacks a column.
    SourceError
        The source cannot be read.
    """
    as_of = as_of or next_day(params)
    mark = _checked(read_watermark(params), params)
    if since is not None and since > as_of:
        raise ParamsError(f"--since {since} lies after --as-of {as_of}", fix="name an earlier day")
    window = _window(params, mark, as_of, since)
    names = ["users", "events", *(["subscriptions"] if params.data.subscriptions else [])]
    for name in names:
        arrivals.clear_leftovers(contract_of(name, params), params, mark)
    facts: dict[str, object] = {"as_of": str(window.arrival)}
    rows: dict[str, int] = {}
    with (
        engine.embedded(params) as con,
        readable(f"data.{params.data.source}"),
        delivered(con, params, mark, window.first, window.last) as delivery,
        steps("ingest", len(names)) as step,
    ):
        new = {"events": _new(con, "events", delivery, window, params)}
        users = _users(con, delivery, new["events"], params)
        new = {"users": users} | new
        if "subscriptions" in names:
            new["subscriptions"] = _new(con, "subscriptions", delivery, window, params)
        rows = {name: engine.value(con, table.count()) for name, table in new.items()}
        if mark is not None and mark.as_of is not None:
            day = typed(new["events"].event_time, "date")
            late = new["events"].filter(day <= mark.as_of)
            facts["late"] = engine.value(con, late.count())
        facts["changed users"] = _changed(con, delivery, params)
        changed = any(rows.values())
        outputs = []
        for name, table in new.items():
            contract = contract_of(name, params)
            if rows[name] or not arrivals.is_held(contract, params):
                outputs.append(arrivals.add(con, table, contract, params, window.arrival))
            step(f"{name}: {rows[name]:,} new rows")
        if not bad_days_path(params).exists():
            write_bad_days(params, [])
        ahead = mark is None or mark.as_of is None or window.arrival > mark.as_of
        facts["replay"] = not ahead
        if not ahead and not changed:
            facts["nothing new"] = True
        if ahead or changed:
            contracts = [contract_of(name, params) for name in names]
            write_seen(params, window.arrival, delivery.seen)
            sizes = arrivals.csv_sizes(contracts, params)
            write_watermark(params, Watermark(window.arrival, True, source_of(params), sizes))
    return Summary("ingest", rows, outputs, facts)


def _checked(mark: Watermark | None, params: Params) -> Watermark | None:
    if mark is not None and mark.source != source_of(params):
        raise ContractError(
            "data/raw came from another source than params.yaml: data now names",
            fix="go on in a new workspace (paths.data), or read the source anew as a whole:"
            " `churn generate-data --anew`",
        )
    return mark


def _window(params: Params, mark: Watermark | None, as_of: date, since: date | None) -> Window:
    held = None if mark is None else mark.as_of
    if held is None:
        return Window(since, as_of, as_of)
    before = min(held, as_of - timedelta(days=1))
    first = before + timedelta(days=1 - params.data.late_days)
    return Window(since or first, as_of, max(held, as_of))


def _new(
    con: engine.Engine, name: str, delivery: Delivery, window: Window, params: Params
) -> ir.Table:
    """The rows of a delivery that are not held, in the types of those that are."""
    contract = contract_of(name, params)
    rows = delivery.tables[name]
    lacks_id = name == "events" and "event_id" not in rows.columns
    if not arrivals.is_held(contract, params):
        found = numbered(rows) if lacks_id else rows
        return hold_as(con, f"new_{name}", found.select(*contract.names))
    held = arrivals.held_table(con, contract, params, None)
    kinds = held.schema()
    present = [n for n in contract.names if n in rows.columns]
    rows = as_held(con, rows.select(*present), kinds, name)
    if delivery.all_new:
        found = rows
    else:
        near = held if name != "events" else _near(con, held, rows, params)
        found = delivery.difference(con, name, rows, near.select(*rows.columns))
    if lacks_id:
        last = engine.value(con, held.event_id.cast("int64").max()) or 0
        found = numbered(found, after=last).mutate(
            event_id=lambda t: t.event_id.cast(kinds["event_id"])
        )
    return hold_as(con, f"new_{name}", found.select(*contract.names))


def _near(con: engine.Engine, held: ir.Table, rows: ir.Table, params: Params) -> ir.Table:
    """The held events that rows of a delivery can be equal to: those of the same days."""
    day = typed(rows.event_time, "date")
    span = con.to_pyarrow(
        rows.aggregate(first=day.min(), last=day.max(), undated=day.isnull().sum())
    ).to_pylist()[0]
    first, last = span["first"], span["last"]
    if first is None:
        return held.filter(typed(held.event_time, "date").isnull())
    if not span["undated"]:
        held = arrivals.held_table(con, contract_of("events", params), params, first)
    if held.event_time.type().is_timestamp():
        time = held.event_time
        near = (time >= first) & (time < last + timedelta(days=1))
        return held.filter(near | time.isnull())
    theirs = typed(held.event_time, "date")
    return held.filter(theirs.between(first, last) | theirs.isnull())


def _users(con: engine.Engine, delivery: Delivery, events: ir.Table, params: Params) -> ir.Table:
    """The users whose ids are not held; who is held stays as first delivered."""
    contract = contract_of("users", params)
    rows = delivery.tables.get("users")
    if rows is None:
        rows = users_of(events)
    if not arrivals.is_held(contract, params):
        return hold_as(con, "new_users", rows.select(*contract.names))
    held = arrivals.held_table(con, contract, params, None)
    rows = as_held(con, rows.select(*contract.names), held.schema(), "users")
    if delivery.all_new:
        return hold_as(con, "new_users", rows)
    named = rows.filter(rows.user_id.notnull())
    fresh = named.anti_join(held, named.user_id == held.user_id)
    nameless = rows.filter(rows.user_id.isnull()).difference(
        held.filter(held.user_id.isnull()), distinct=False
    )
    return hold_as(con, "new_users", fresh.union(nameless))


def _changed(con: engine.Engine, delivery: Delivery, params: Params) -> int:
    """Count delivered users who differ from how they are held."""
    contract = contract_of("users", params)
    rows = delivery.tables.get("users")
    if rows is None or delivery.all_new or not arrivals.is_held(contract, params):
        return 0
    held = arrivals.held_table(con, contract, params, None)
    rows = as_held(con, rows.select(*contract.names), held.schema(), "users")
    known = rows.semi_join(held, rows.user_id == held.user_id)
    other = known.difference(held, distinct=False)
    return int(engine.value(con, other.user_id.nunique()))
