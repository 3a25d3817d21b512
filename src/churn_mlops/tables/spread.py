"""Lets Spark's workers write a table: each its own files, which count once the driver says so.

A task that fails, or that a lost worker had begun, is done anew under another name, and what the
first one wrote is in no list. So nothing needs to be renamed in a store, and no task can spoil
another's file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from churn_mlops.engine import Engine
from churn_mlops.errors import ContractError
from churn_mlops.object_store import open_store
from churn_mlops.params import Params
from churn_mlops.tables.contract import Contract
from churn_mlops.tables.manifest import build_url, write_manifest

DAY = "_day"
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
ROWS = 122_880
"""Rows that are written at once, DuckDB's own size of a row group."""
_FACTS = ibis.schema({"name": "string", "written": "string", "rows": "int64"})


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


def write_files(
    batches: Iterable[pa.RecordBatch], target: str, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Write the rows of one task, a file for each of its days; runs on the worker.

    Parameters
    ----------
    batches : iterable of pyarrow RecordBatch
        In the order of days, if they have a column `DAY`.
    target : str
        A folder or a URL.
    schema : pyarrow Schema
        Of the files.

    Yields
    ------
    pyarrow RecordBatch
        A row for each file: name, name as written, rows.
    """
    from pyspark import TaskContext

    task = TaskContext.get()
    number, attempt = (task.partitionId(), task.taskAttemptId()) if task else (0, 0)
    out: _File | None = None
    for day, rows in _by_day(batches):
        if out is not None and out.day != day:
            yield out.close()
            out = None
        out = out or _File(target, day, number, attempt, schema)
        out.add(rows)
    if out is not None:
        yield out.close()


def _by_day(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str | None, pa.Table]]:
    for batch in batches:
        table = pa.Table.from_batches([batch])
        if DAY not in table.column_names:
            yield None, table
            continue
        days = table[DAY].combine_chunks()
        numbers = days.cast(pa.int32()).fill_null(-(2**31)).to_numpy()
        starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1), len(numbers)]
        for first, end in pairwise(starts):
            if end > first:
                yield _folder(days[int(first)].as_py()), table.slice(first, end - first)


def _folder(day: date | None) -> str:
    return f"day={NO_DAY if day is None else day.isoformat()}"


class _File:
    """A file under way; rows are gathered to groups of a good size."""

    def __init__(
        self, target: str, day: str | None, number: int, attempt: int, schema: pa.Schema
    ) -> None:
        self.day = day
        folder, name = f"{day}/" if day else "", f"part-{number:05d}"
        self._name = f"{folder}{name}.parquet"
        # In a folder it is renamed; what nobody renames must not look like a part of the table.
        hidden = f"{folder}.{name}.parquet.{attempt}"
        self._written = f"{folder}{name}-{attempt}.parquet" if "://" in target else hidden
        self._schema, self._rows = schema, 0
        self._waiting: list[pa.Table] = []
        self._file = _created(target, self._written)
        self._writer = pq.ParquetWriter(self._file, schema)

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows.select(self._schema.names).cast(self._schema))
        self._rows += len(rows)
        if sum(map(len, self._waiting)) >= ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=ROWS)
            self._waiting = []

    def close(self) -> pa.RecordBatch:
        self._flush()
        self._writer.close()
        self._file.close()
        facts = {"name": [self._name], "written": [self._written], "rows": [self._rows]}
        return pa.RecordBatch.from_pydict(facts, schema=_FACTS.to_pyarrow())


def _created(target: str, name: str) -> Any:
    if "://" in target:
        store, place = open_store(f"{target}/{name}")
        return store.open(place, "wb")
    path = Path(target) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")
