"""Lets Spark's workers write a table: each its own files, which count once the driver says so.

A task that fails, or that a lost worker had begun, is done anew under another name, and what the
first one wrote is in no list. So nothing needs to be renamed in a store, and no task can spoil
another's file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from churn_mlops.engine import Engine
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables.contract import Contract
from churn_mlops.tables.manifest import build_url, write_manifest
from churn_mlops.tables.task_files import DAY, write_files


@dataclass(frozen=True)
class Part:
    """A file that a task has written.

    Parameters
    ----------
    name : str
        What it is called in the table.
    written : str
        What it was written as: no other task, nor another try of this one, writes it.
    rows : int
    """

    name: str
    written: str
    rows: int


def with_day(table: ir.Table, contract: Contract) -> ir.Table:
    """The typed table, and the day of each row beside it."""
    if contract.day is None:
        raise ContractError(f"table '{contract.name}' has no column that tells a row's day")
    columns = {name: table[name].cast(kind) for name, kind in contract.types.items()}
    return table.select(**columns, **{DAY: table[contract.day].cast("date")})


def spread(con: Engine, table: ir.Table, contract: Contract, params: Params, folder: Path) -> int:
    """Write a table by day, or in the order of its key when it has no day.

    Parameters
    ----------
    con : Engine
        Spark.
    table : ibis Table
    contract : Contract
    params : Params
    folder : Path
        Gets the files, or, with ``tables.location``, the manifest that names them. Without a
        location all workers must see it.

    Returns
    -------
    int
        Rows.
    """
    away = params.tables.location is not None
    target = build_url(contract, params) if away else str(folder.resolve())
    parts = write_parts(_in_order(con, table, contract), _schema(contract), target)
    if away:
        write_manifest(folder, {part.name: f"{target}/{part.written}" for part in parts})
    else:
        for part in parts:
            os.replace(folder / part.written, folder / part.name)
        for left in folder.rglob(".*.parquet.*"):
            left.unlink(missing_ok=True)
    if not parts:
        # What has no rows still has columns.
        pq.write_table(_schema(contract).empty_table(), folder / "part-00000.parquet")
    return sum(part.rows for part in parts)


def write_parts(frame: Any, schema: pa.Schema, target: str) -> list[Part]:
    """Let the workers write a frame to files, a day's rows to files of their own.

    Parameters
    ----------
    frame : Spark DataFrame
        Each partition in the order of days, if there is a column `DAY`.
    schema : pyarrow Schema
        Of the files.
    target : str
        A folder that all workers see, or a URL.
    """
    write = partial(write_files, target=target, schema=schema)
    facts = frame.mapInArrow(write, "name string, written string, rows bigint").toArrow()
    return [Part(**row) for row in facts.to_pylist()]


def _in_order(con: Engine, table: ir.Table, contract: Contract) -> Any:
    if contract.day is None:
        return con.frame(contract.typed(table)).orderBy(*contract.key)
    frame = con.frame(with_day(table, contract)).hint("rebalance", DAY)
    return frame.sortWithinPartitions(DAY, *contract.key)


def _schema(contract: Contract) -> pa.Schema:
    return ibis.schema(contract.types).to_pyarrow()
