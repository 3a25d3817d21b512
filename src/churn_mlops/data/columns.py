"""Brings a source's columns into the order and under the names of our raw tables."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.params.rules import nearest
from churn_mlops.tables import Column, Contract, contracts

OPTIONAL = ("course_id", "event_id", "plan")


def contract_of(name: str, params: Params) -> Contract:
    """The contract of a raw table by its name."""
    found: Contract = getattr(contracts, name)(params)
    return found


def mapping(name: str, params: Params) -> dict[str, str]:
    """Our column name to the source's, for all columns of a raw table."""
    given: dict[str, str] = getattr(params.data.columns, name)
    known = contract_of(name, params).names
    for ours in given:
        if ours not in known:
            raise ContractError(
                f"data.columns.{name}: there is no column '{ours}'{nearest(ours, known)}",
                check="CHN103",
                fix=f"the columns of {name} are {', '.join(known)}",
            )
    return {ours: given.get(ours, ours) for ours in known}


def renamed(
    table: ir.Table, name: str, where: str, params: Params, number: bool = True
) -> ir.Table:
    """Select and rename a source's columns; values stay as they came.

    ``course_id`` is null where the source has none. Events without an id are numbered by time
    and then by all other columns, so that earlier numbers stay when later events arrive. With
    `number` false they are left without one, for `numbered`.

    Raises
    ------
    ContractError
        A column is not there (CHN103).
    """
    theirs = mapping(name, params)
    optional = OPTIONAL if name != "users" else ()
    missing = [
        t for o, t in theirs.items() if t not in table.columns and not (o in optional and o == t)
    ]
    if missing:
        hints = "".join(nearest(column, table.columns) for column in missing)
        one = len(table.columns) == 1
        raise ContractError(
            f"{where} lacks {', '.join(missing)}{hints}; it has {', '.join(table.columns)}",
            check="CHN103",
            fix="check the delimiter: columns are separated by commas"
            if one
            else f"map it in data.columns.{name}, or take it out of features.static, data.measures",
        )
    present = {o: table[t] for o, t in theirs.items() if t in table.columns}
    selected = table.select(**present)
    absent = {o: ibis.null("string") for o in theirs if o not in present and o != "event_id"}
    selected = selected.mutate(**absent)
    if "event_id" in theirs and "event_id" not in present:
        if not number:
            return selected.select(*(name for name in theirs if name != "event_id"))
        selected = numbered(selected)
    return selected.select(*theirs)


def numbered(events: ir.Table, after: int = 0) -> ir.Table:
    """Number events that have no id, by time and then by all other columns."""
    order = ["event_time", *(n for n in events.columns if n != "event_time")]
    number = ibis.row_number().over(ibis.window(order_by=order)) + 1 + after
    return events.mutate(event_id=number)


def as_held(con: engine.Engine, rows: ir.Table, held: ir.Schema, name: str) -> ir.Table:
    """Bring the columns of new rows into the types of those that are held.

    Parameters
    ----------
    con : Engine
        DuckDB.
    rows : ibis Table
        Some of the columns of `held`.
    held : ibis Schema
    name : str
        Of the raw table, for the message.

    Raises
    ------
    ContractError
        A value would not be the same afterwards (CHN107): 2.5 among integers, a time among days.
    """
    cast = {n: rows[n].cast(held[n]) for n in rows.columns}
    kinds = rows.schema()
    narrowed = {
        n: (column.cast(kinds[n]) != rows[n]).sum()
        for n, column in cast.items()
        if kinds[n] != held[n] and (kinds[n].is_numeric() or kinds[n].is_temporal())
    }
    if narrowed:
        lost = con.to_pyarrow(rows.aggregate(**narrowed)).to_pylist()[0]
        for column, count in lost.items():
            if count:
                raise ContractError(
                    f"{name}.{column} is held as {held[column]} and now comes as {kinds[column]}:"
                    f" {count:,} values would be changed",
                    check="CHN107",
                    fix="let the source give the type it gave before, or read it anew as a whole:"
                    " `churn generate-data --anew`",
                )
    return rows.select(**cast)


def as_it_came(table: ir.Table, name: str, params: Params) -> Contract:
    """A raw table's contract with the types that the source has, so that nothing is cast."""
    contract = contract_of(name, params)
    columns = tuple(Column(n, str(table[n].type())) for n in contract.names)
    return Contract(contract.name, contract.folder, contract.key, columns, contract.parts)
