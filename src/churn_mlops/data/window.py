"""The rows that may still change: what happened in the last days, and what arrived in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.data.check_rows import (
    ARRIVED,
    check_events,
    check_subscriptions,
    check_users,
    good,
    repeated_ids,
)
from churn_mlops.data.parse import typed
from churn_mlops.data.raw_files import arrival_day, held_files
from churn_mlops.data.raw_tables import open_table
from churn_mlops.data.watermark import read_watermark
from churn_mlops.params import Params
from churn_mlops.tables import Contract, contracts
from churn_mlops.tables.folders import day_of, settle
from churn_mlops.tables.growth import Growth
from churn_mlops.tables.manifest import listed
from churn_mlops.tables.sources import file_facts, open_parquet
from churn_mlops.tables.writer import hold_as


@dataclass(frozen=True)
class Checked:
    """Checked rows; all have a column ``arrived``.

    Parameters
    ----------
    users : ibis Table
        All of them: they are few, and who is good decides on events.
    events : ibis Table
        Those that happened in the days that are worked on.
    subscriptions : ibis Table or None
        All of them.
    """

    users: ir.Table
    events: ir.Table
    subscriptions: ir.Table | None


def checked_window(con: engine.Engine, params: Params, growth: Growth) -> Checked:
    """Check what may have changed, as the whole of the raw tables would be checked.

    An id that events of earlier days have is taken: of equal ids the earliest good row stays.
    """
    users = hold_as(con, "checked_users", _checked_users(con, params, growth))
    raw = hold_as(con, "raw_window", _raw_window(con, params, growth))
    contract = contracts.events(params)
    twice = repeated(con, raw, "event_id", contract, "twice")
    events = check_events(raw, good(users), params, growth.last, twice)
    before = _ids_before(con, params, growth.first)
    events = _taken(con, events, raw, before, "taken")
    subscriptions = None
    if params.data.subscriptions:
        all_of_them = with_arrival(con, contracts.subscriptions(params), params)
        subscriptions = check_subscriptions(all_of_them, good(users), params)
    return Checked(users, hold_as(con, "checked_events", events), subscriptions)


def repeated(
    con: engine.Engine, raw: ir.Table, key: str, contract: Contract, name: str
) -> ir.Table | None:
    """The repeated ids, held under a name; None when each is unique: saves the search for them."""
    twice = con.create_table(name, repeated_ids(raw, key, contract), temp=True)
    return twice if engine.value(con, twice.count()) else None


def checked_strays(
    con: engine.Engine, params: Params, growth: Growth, checked: Checked
) -> ir.Table | None:
    """Check the events that have arrived since the day before, but tell of other days.

    Those that are good came too late. None when there are none.
    """
    contract = contracts.events(params)
    raw = with_arrival(con, contract, params, growth.news_after)
    day = typed(raw.event_time, "date")
    inside = day.between(ibis.literal(growth.first), ibis.literal(growth.last)).fill_null(False)
    raw = raw.filter((raw[ARRIVED] > ibis.literal(growth.news_after)) & ~inside)
    raw = hold_as(con, "raw_strays", raw)
    if not engine.value(con, raw.count()):
        return None
    twice = repeated(con, raw, "event_id", contract, "stray_twice")
    strays = check_events(raw, good(checked.users), params, growth.last, twice)
    before = _ids_before(con, params, growth.first)
    strays = _taken(con, strays, raw, before, "taken_by_strays")
    within = good(checked.events).select("event_id")
    strays = _taken(con, strays, raw, within, "taken_within")
    return hold_as(con, "checked_strays", strays)


def _taken(
    con: engine.Engine, checked: ir.Table, raw: ir.Table, ids: ir.Table | None, name: str
) -> ir.Table:
    """Set aside rows that would be good, were their id not taken; `name` is of what is held."""
    if ids is None:
        return checked
    mine = raw.select(event_id=typed(raw.event_id, str(checked.event_id.type()))).distinct()
    both = ids.semi_join(mine, "event_id").distinct()
    taken = hold_as(con, name, both)
    if not engine.value(con, taken.count()):
        return checked
    again = checked.check.isnull() & checked.event_id.isin(taken.event_id).fill_null(False)
    return checked.mutate(check=again.ifelse("CHN113", checked.check))


def _ids_before(con: engine.Engine, params: Params, first: date) -> ir.Table | None:
    """The ids of the good events before a day: one column of the whole history."""
    folder = settle(contracts.events(params, "processed").path(params))
    files = [at for name, at in listed(folder).items() if (day_of(name) or date.min) < first]
    return open_parquet(con, files).select("event_id") if files else None


def _checked_users(con: engine.Engine, params: Params, growth: Growth) -> ir.Table:
    contract = contracts.users(params)
    raw = with_arrival(con, contract, params)
    twice = repeated(con, raw, "user_id", contract, "users_twice")
    return check_users(raw, params, growth.last, twice)


def _raw_window(con: engine.Engine, params: Params, growth: Growth) -> ir.Table:
    raw = with_arrival(con, contracts.events(params), params, growth.first)
    if raw.event_time.type().is_timestamp():
        end = ibis.literal(growth.last) + ibis.interval(days=1)
        time = raw.event_time
        first = ibis.literal(growth.first).cast(time.type())
        return raw.filter((time >= first) & (time < end.cast(time.type())))
    day = typed(raw.event_time, "date")
    return raw.filter(day.between(ibis.literal(growth.first), ibis.literal(growth.last)))


def with_arrival(
    con: engine.Engine, contract: Contract, params: Params, since: date | None = None
) -> ir.Table:
    """Open a raw Parquet table with the day of arrival of each row; null where it is not known.

    Parameters
    ----------
    con : Engine
        DuckDB.
    contract : Contract
    params : Params
    since : date, optional
        Leave out files that hold earlier days only.
    """
    open_table(con, contract, params)
    path = contract.path(params)
    files = list(held_files(path, read_watermark(params)).values())
    wanted = [f for f in files if since is None or _may_hold(f, contract, since)] or files[-1:]
    table = open_parquet(con, wanted, filename=True)
    day = table.filename.re_extract(r"arrived-([0-9-]{10})[.]parquet$", 1).nullif("").cast("date")
    return table.select(*contract.names, **{ARRIVED: day})


def _may_hold(file: str, contract: Contract, since: date) -> bool:
    """Tell whether a file can hold rows of a day and later.

    What arrived earlier cannot. What was read as a whole can, unless its statistics say no.
    """
    arrived = arrival_day(file)
    if arrived is not None:
        return arrived >= since
    facts = file_facts(file)
    place = facts.schema.names.index(contract.day)
    for n in range(facts.num_row_groups):
        known = facts.row_group(n).column(place).statistics
        if known is None or not known.has_min_max or not hasattr(known.max, "date"):
            return True
        if known.max.date() >= since:
            return True
    return False
