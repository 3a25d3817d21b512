"""Streams a table out of the engine in record batches, so that it need not fit in memory."""

from __future__ import annotations

import ibis.expr.types as ir
import pyarrow as pa

from churn_mlops.engine import Engine


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
        return con.to_pyarrow_batches(table, chunk_size=rows)
    # Ibis 12 still calls DuckDB's reader by the name that DuckDB 2 dropped.
    result = con.con.sql(con.compile(table))
    reader = getattr(result, "to_arrow_reader", None) or result.fetch_arrow_reader
    return reader(rows)
