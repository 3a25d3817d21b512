"""Brings tables in from files or a database, as they are; the gate judges them later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import ibis
import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.data import source_files, source_sql
from churn_mlops.data.columns import as_it_came, contract_of, mapping, numbered, renamed
from churn_mlops.data.parse import typed
from churn_mlops.data.raw_tables import open_table, readable
from churn_mlops.errors import ParamsError
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import Writer

UNNUMBERED = "unnumbered"


def run(params: Params) -> Summary:
    """Write the raw tables from ``data.source``.

    Parameters
    ----------
    params : Params

    Raises
    ------
    SourceError, ContractError
        A table cannot be read, or lacks a column.
    """
    rows: dict[str, int] = {}
    outputs: list[Path] = []
    spec = params.data.files if params.data.source == "files" else params.data.sql
    names = ["events", "users", *(["subscriptions"] if params.data.subscriptions else [])]
    with engine.embedded(params) as con, steps("generate_data", len(names)) as step:
        for name in names:
            if getattr(spec, name) is None:
                parts = _without(con, name, params)
            elif params.data.source == "files":
                parts = _from_files(con, name, params)
            else:
                parts = _from_sql(con, name, params)
            rows[name] = _write(con, name, parts, params)
            outputs.append(contract_of(name, params).path(params))
            step(f"{name}: {rows[name]:,} rows")
    return Summary("generate_data", rows, outputs)


def _write(con: engine.Engine, name: str, parts: Iterator[ir.Table], params: Params) -> int:
    with ExitStack() as stack:
        out: Writer | None = None
        stack.enter_context(readable(f"data.{params.data.source}.{name}"))
        for part in parts:
            if out is None:
                out = stack.enter_context(Writer(as_it_came(part, name, params), params))
            out.append(con, part)
    return out.rows if out else 0


def _from_files(con: engine.Engine, name: str, params: Params) -> Iterator[ir.Table]:
    key = f"data.files.{name}"
    with source_files.opened(con, getattr(params.data.files, name), key) as tables:
        parts = [renamed(table, name, where, params) for where, table in tables]
        # One table, as numbering and single-file formats need all files together.
        yield parts[0] if len(parts) == 1 else ibis.union(*parts)


def _from_sql(con: engine.Engine, name: str, params: Params) -> Iterator[ir.Table]:
    url, relation = params.data.sql.url or "", getattr(params.data.sql, name)
    where = f"data.sql.{name} ({source_sql.masked(url)})"
    with source_sql.connection(url) as database:
        unnumbered = 0
        for batch in source_sql.batches(database, url, relation):
            part = renamed(ibis.memtable(batch), name, where, params, number=False)
            if name != "events" or "event_id" in part.columns:
                yield part
                continue
            # Numbers go over the whole table, so it is held until all of it is there.
            if unnumbered:
                con.insert(UNNUMBERED, part)
            else:
                con.create_table(UNNUMBERED, part, temp=True)
            unnumbered += 1
        if unnumbered:
            yield numbered(con.table(UNNUMBERED)).select(*mapping(name, params))


def _without(con: engine.Engine, name: str, params: Params) -> Iterator[ir.Table]:
    """Users derived from the events: sign-up is the day of the first one."""
    require_derivable(name, params)
    events = open_table(con, contract_of("events", params), params)
    yield users_of(events)


def users_of(events: ir.Table) -> ir.Table:
    """Derive users from events: sign-up is the day of the first one."""
    day = typed(events.event_time, "date")
    seen = events.filter(events.user_id.notnull() & day.notnull())
    first = typed(seen.event_time, "date").min()
    return seen.group_by("user_id").agg(signup_date=first).order_by("user_id")


def require_derivable(name: str, params: Params) -> None:
    """Raise `ParamsError` when a table that is not given cannot be derived from the events."""
    if name == "subscriptions":
        raise ParamsError(
            f"data.{params.data.source}.subscriptions is not given and data.subscriptions is true",
            fix="name the table, or set data.subscriptions: false",
        )
    if params.features.static:
        raise ParamsError(
            f"data.{params.data.source}.users is not given, so there is no"
            f" {', '.join(params.features.static)} (features.static)",
            fix="name the table of users, or set features.static: {}",
        )
