"""What the source has to offer for some days, under our names for its columns."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from churn_mlops import engine
from churn_mlops.data import source_files, source_sql
from churn_mlops.data.columns import contract_of, mapping, renamed
from churn_mlops.data.parse import typed
from churn_mlops.data.raw_tables import OWN_DAY
from churn_mlops.data.seen_files import read_seen
from churn_mlops.data.sources import require_derivable
from churn_mlops.data.watermark import Watermark
from churn_mlops.params import Params


@dataclass
class Delivery:
    """Rows that may be new.

    Parameters
    ----------
    tables : dict of str to ibis Table
        By name; `users` is missing when they are derived from the events. Events may lack an id.
    all_new : bool
        Nothing of it can be held already.
    seen : dict
        Files of which all rows are held afterwards, with their size and time.
    whole : callable, optional
        Opens a table as a whole when `tables` has only the rows of files that have changed.
    """

    tables: dict[str, ir.Table] = field(default_factory=dict)
    all_new: bool = False
    seen: dict[str, list[int]] = field(default_factory=dict)
    whole: Callable[[str], ir.Table | None] = lambda _: None

    def difference(self, con: engine.Engine, name: str, rows: ir.Table, held: ir.Table) -> ir.Table:
        """The rows that are not held, each as often as the source has it more.

        Rows of a new file that equal held ones may be the same rows, exported once more, or further
        ones like them; only all files together can tell.
        """
        whole = self.whole(name)
        if whole is not None:
            common = rows.intersect(held)
            if not engine.value(con, common.count()):
                return rows
            kinds = rows.schema()
            whole = whole.select(**{n: whole[n].cast(kinds[n]) for n in rows.columns})
            # Whatever is not among the changed files' rows is held already.
            equal = [whole[n].identical_to(rows[n]) for n in rows.columns]
            rows = whole.semi_join(rows, equal)
        return rows.difference(held, distinct=False)


@contextlib.contextmanager
def delivered(
    con: engine.Engine, params: Params, mark: Watermark | None, first: date | None, last: date
) -> Iterator[Delivery]:
    """Ask the source for the rows of some days.

    Parameters
    ----------
    con : Engine
        DuckDB.
    params : Params
    mark : Watermark or None
        What is held.
    first : date or None
        First day of events that is looked at, where the source can be asked for days.
    last : date
        Rows of later days are left for later; rows whose day cannot be read are taken.
    """
    if params.data.source == "synthetic":
        yield _synthetic(con, params, mark, last)
    elif params.data.source == "sql":
        yield _sql(con, params, first, last)
    else:
        with contextlib.ExitStack() as stack:
            yield _files(con, params, mark, last, stack)


def _synthetic(con: engine.Engine, params: Params, mark: Watermark | None, last: date) -> Delivery:
    from churn_mlops.data.generate_data import portal_blocks

    start = params.data.start_date or date(2025, 1, 1)
    first = start if mark is None or mark.as_of is None else mark.as_of + timedelta(days=1)
    users, events = [], []
    # A replay asks for no day at all; the tables still have their columns.
    for block in portal_blocks(params, min(first, max(last, start)), max(last, start)):
        users.append(block.users)
        events.append(block.events)
    found = {"users": pa.concat_tables(users), "events": pa.concat_tables(events)}
    if first > last:
        found = {name: table.slice(0, 0) for name, table in found.items()}
    for name, table in found.items():
        con.con.register(f"delivered_{name}", table)
    return Delivery({name: con.table(f"delivered_{name}") for name in found}, all_new=True)


def _names(params: Params) -> list[str]:
    spec = params.data.files if params.data.source == "files" else params.data.sql
    wanted = ["events", "users", *(["subscriptions"] if params.data.subscriptions else [])]
    for name in wanted:
        if getattr(spec, name) is None:
            require_derivable(name, params)
    return [name for name in wanted if getattr(spec, name) is not None]


def _sql(con: engine.Engine, params: Params, first: date | None, last: date) -> Delivery:
    url = params.data.sql.url or ""
    delivery = Delivery()
    with source_sql.connection(url) as database:
        for name in _names(params):
            time = mapping(name, params).get(OWN_DAY[name], OWN_DAY[name])
            # Users and periods are few, and may be told long after their day.
            span = source_sql.Span(first if name == "events" else None, last)
            relation = getattr(params.data.sql, name)
            made = False
            for batch in source_sql.batches(database, url, relation, span, time):
                con.con.register("batch", batch)
                verb = "INSERT INTO" if made else "CREATE TEMP TABLE"
                con.raw_sql(f"{verb} source_{name} {'' if made else 'AS'} SELECT * FROM batch")  # noqa: S608
                con.con.unregister("batch")
                made = True
            where = f"data.sql.{name} ({source_sql.masked(url)})"
            table = renamed(con.table(f"source_{name}"), name, where, params, number=False)
            delivery.tables[name] = _until(table, name, last)
    return delivery


def _until(table: ir.Table, name: str, last: date) -> ir.Table:
    """Leave out rows of later days; of rows whose day cannot be read the gate will tell."""
    day = typed(table[OWN_DAY[name]], "date")
    return table.filter((day <= last) | day.isnull())


def _files(
    con: engine.Engine,
    params: Params,
    mark: Watermark | None,
    last: date,
    stack: contextlib.ExitStack,
) -> Delivery:
    known = read_seen(params, mark)
    delivery = Delivery()
    partly: set[str] = set()
    ahead: set[str] = set()

    def opened(name: str, only: set[str] | None) -> list[tuple[str, ir.Table]]:
        pattern, key = getattr(params.data.files, name), f"data.files.{name}"
        files = stack.enter_context(source_files.opened(con, pattern, key, only))
        return [(where, renamed(t, name, where, params, number=False)) for where, t in files]

    for name in _names(params):
        pattern = getattr(params.data.files, name)
        states = source_files.states(pattern, f"data.files.{name}")
        unchanged = {file for file, state in states.items() if known.get(file) == state}
        changed = set(states) - unchanged
        if unchanged and changed:
            partly.add(name)
        tables = opened(name, changed if unchanged else None) if changed or not states else []
        delivery.seen |= {file: states[file] for file in unchanged}
        for where, table in tables:
            day = typed(table[OWN_DAY[name]], "date")
            if engine.value(con, (day > last).any().fill_null(False)):
                ahead.add(where)
            elif where in states:
                delivery.seen[where] = states[where]
        parts = [_until(table, name, last) for _, table in tables]
        delivery.tables[name] = _together(con, name, parts, params)
    # One file may hold several tables: it is seen when none of them has more of it.
    delivery.seen = {file: state for file, state in delivery.seen.items() if file not in ahead}

    def whole(name: str) -> ir.Table | None:
        if name not in partly:
            return None
        return _together(con, name, [_until(t, name, last) for _, t in opened(name, None)], params)

    delivery.whole = whole
    return delivery


def _together(con: engine.Engine, name: str, parts: list[ir.Table], params: Params) -> ir.Table:
    if not parts:
        contract = contract_of(name, params)
        schema = dict.fromkeys(contract.names, "string")
        return con.create_table(f"nothing_{name}", schema=ibis.schema(schema), temp=True)
    return parts[0] if len(parts) == 1 else ibis.union(*parts)
