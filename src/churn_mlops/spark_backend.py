"""Ibis over Spark with what this project asks of an engine: results by Arrow, tables held."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import ibis
import ibis.expr.schema as sch
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.pyspark import Backend
from ibis.backends.pyspark.datatypes import PySparkSchema
from ibis.formats.pyarrow import PyArrowData

from churn_mlops.object_store import open_store
from churn_mlops.params import Params

Batches = Iterator[pa.RecordBatch]


class SparkBackend(Backend):  # type: ignore[misc]
    """An Ibis backend on a Spark session; `connect` opens it."""

    shared: str
    """A folder or URL that driver and workers both see."""

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        """A place for files of the workers that the driver reads, removed after use."""
        place = f"{self.shared}/.scratch-{uuid4().hex}"
        store, path = open_store(place)
        try:
            yield place
        finally:
            if store.exists(path):
                store.rm(path, recursive=True)

    def frame(self, table: ir.Table) -> Any:
        """The Spark DataFrame of an expression."""
        self._run_pre_execute_hooks(table)
        return self._session.sql(self.compile(table))

    def opened(self, frame: Any, name: str | None = None) -> ir.Table:
        """A DataFrame as an Ibis table."""
        name = name or ibis.util.gen_name("spark")
        frame.createOrReplaceTempView(name)
        return self.table(name)

    def read_text_table(self, path: Path, schema: sch.Schema) -> ir.Table:
        """Open a CSV file with a header as columns of these types; a quote is doubled in quotes."""
        types = PySparkSchema.from_ibis(schema)
        place = str(path.resolve())
        options = {"header": True, "escape": '"', "multiLine": True, "mode": "FAILFAST"}
        return self.opened(self._session.read.csv(place, schema=types, **options))

    def map_batches(
        self, table: ir.Table, work: Callable[[Batches], Batches], schema: sch.Schema
    ) -> ir.Table:
        """Let the workers turn the rows of a table into others, batch by batch.

        Parameters
        ----------
        table : ibis Table
        work : callable
            From an iterator of Arrow batches to another; it is sent to the workers.
        schema : ibis Schema
            Of the result.
        """
        made = self.frame(table).mapInArrow(work, PySparkSchema.from_ibis(schema))
        return self.opened(made)

    def to_pyarrow(self, expr: ir.Expr, /, **kwargs: Any) -> Any:
        """Compute an expression; Ibis goes through pandas, which makes floats of integers."""
        table = expr.as_table()
        found = self.frame(table).toArrow()
        return expr.__pyarrow_result__(PyArrowData.convert_table(found, table.schema()))

    def create_table(
        self, name: str, /, obj: Any = None, *, temp: bool | None = None, **kwargs: Any
    ) -> ir.Table:
        """Compute a table once and keep it in the workers, on disk where memory ends.

        What a lost worker held is computed again.
        """
        if temp is not True or not isinstance(obj, ir.Table):
            return super().create_table(name, obj, temp=temp, **kwargs)
        return self.opened(self.frame(obj).cache(), name)

    def _register_in_memory_table(self, op: Any) -> None:
        schema = PySparkSchema.from_ibis(op.schema)
        table = op.data.to_pyarrow(op.schema)
        self._session.createDataFrame(table, schema).createOrReplaceTempView(op.name)


def connect(session: Any, params: Params) -> SparkBackend:
    """Open the backend on a session."""
    backend = SparkBackend()
    backend.register_options()
    backend.do_connect(session)
    backend.shared = params.tables.location or str(Path(params.paths.data).resolve())
    return backend
