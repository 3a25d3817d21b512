"""Streams a table out of the engine in record batches, so that it need not fit in memory."""

from __future__ import annotations

from collections.abc import Iterator

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from churn_mlops.engine import Engine
from churn_mlops.object_store import open_store
from churn_mlops.tables.spread import write_parts


def batches(con: Engine, table: ir.Table, rows: int) -> pa.RecordBatchReader:
    """Open a reader over the rows of an expression.

    Parameters
    ----------
    con : Engine
        Must not run anything else before the reader is exhausted.
    table : ibis Table
    rows : int
        Rows that a batch has at most.
    """
    if con.name != "duckdb":
        schema = table.schema().to_pyarrow()
        return pa.RecordBatchReader.from_batches(schema, _from_workers(con, table, rows))
    # Ibis 12 still calls DuckDB's reader by the name that DuckDB 2 dropped.
    result = con.con.sql(con.compile(table))
    reader = getattr(result, "to_arrow_reader", None) or result.fetch_arrow_reader
    return reader(rows)


def _from_workers(con: Engine, table: ir.Table, rows: int) -> Iterator[pa.RecordBatch]:
    """Let the workers write the rows down, in order, and read them file by file.

    Spark itself would bring all of them into the driver's memory.
    """
    with con.scratch() as place:
        schema = table.schema().to_pyarrow()
        parts = write_parts(con.frame(table), schema, place)
        for part in sorted(parts, key=lambda part: part.name):
            store, path = open_store(f"{place}/{part.written}")
            with store.open(path, "rb") as file:
                for batch in pq.ParquetFile(file).iter_batches(rows):
                    yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
