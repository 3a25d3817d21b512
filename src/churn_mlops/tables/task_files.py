"""What a task of Spark's writes: the rows of each day to a file of their own; runs on the worker.

A try of a task writes under a name that no other one has; the driver says what counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from churn_mlops.object_store import open_store

DAY = "_day"
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
ROWS = 122_880
"""Rows that are written at once, DuckDB's own size of a row group."""
FACTS = pa.schema({"name": pa.string(), "written": pa.string(), "rows": pa.int64()})


def write_files(
    batches: Iterable[pa.RecordBatch], target: str, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Write the rows of one task, a file for each of its days.

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
        return pa.RecordBatch.from_pydict(facts, schema=FACTS)


def _created(target: str, name: str) -> Any:
    if "://" in target:
        store, place = open_store(f"{target}/{name}")
        return store.open(place, "wb")
    path = Path(target) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")
