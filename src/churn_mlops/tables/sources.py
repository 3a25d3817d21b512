"""Opens Parquet files as one table: local ones and those in a store, in DuckDB and in Spark."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from churn_mlops.engine import Engine
from churn_mlops.object_store import open_store, unreadable

TASKS = 512
"""At most so many tasks read files from a store: each has several of them then."""


def open_parquet(
    con: Engine,
    sources: Sequence[str],
    wanted: Collection[str] | None = None,
    *,
    filename: bool = False,
) -> ir.Table:
    """Open Parquet files of one table.

    Parameters
    ----------
    con : Engine
    sources : sequence of str
        Paths or URLs, at least one.
    wanted : collection of str, optional
        Columns that are read; others may be left out.
    filename : bool
        Add a column ``filename``: where each row is from.
    """
    remote = any("://" in source for source in sources)
    if con.name != "duckdb":
        opened = _through_workers if remote else _in_spark
        return opened(con, sources, wanted, filename)
    if remote:
        return _through_duckdb(con, sources, filename)
    # A folder called day=... would add a column of that name.
    return con.read_parquet(list(sources), hive_partitioning=False, filename=filename)


def file_facts(source: str) -> pq.FileMetaData:
    """What a Parquet file tells of itself: columns, rows, statistics; by a path or a URL."""
    store, place = open_store(source)
    try:
        return pq.read_metadata(place, filesystem=store)
    except Exception as error:  # every store has errors of its own
        if "://" not in source:
            raise
        raise unreadable(source, error) from error


def _in_spark(
    con: Engine, sources: Sequence[str], wanted: Collection[str] | None, filename: bool
) -> ir.Table:
    # Spark would look for a relative path where its workers are.
    frame = con._session.read.parquet(*(str(Path(source).resolve()) for source in sources))
    names = [name for name in frame.columns if wanted is None or name in wanted]
    more = [frame["_metadata.file_path"].alias("filename")] if filename else []
    return con.opened(frame.select(*names, *more))


def _through_duckdb(con: Engine, sources: Sequence[str], filename: bool) -> ir.Table:
    """By SQL, since Ibis would fetch DuckDB's own S3 extension, which the network may not give."""
    store, _ = open_store(sources[0])
    protocol = store.protocol if isinstance(store.protocol, str) else store.protocol[0]
    if not con.con.filesystem_is_registered(protocol):
        con.con.register_filesystem(store)
    listed = ", ".join("'" + source.replace("'", "''") + "'" for source in sources)
    name = ibis.util.gen_name("files")
    query = f"read_parquet([{listed}], hive_partitioning = false, filename = {filename})"
    con.raw_sql(f"CREATE TEMP VIEW {name} AS FROM {query}")
    return con.table(name)


def _through_workers(
    con: Engine, sources: Sequence[str], wanted: Collection[str] | None, filename: bool
) -> ir.Table:
    """Let the workers read with Python, so that a store needs no jars and no keys of their own."""
    from ibis.formats.pyarrow import PyArrowSchema

    found = PyArrowSchema.to_ibis(file_facts(sources[0]).schema.to_arrow_schema())
    types = {n: t for n, t in found.items() if wanted is None or n in wanted}
    schema = ibis.schema(types | ({"filename": "string"} if filename else {}))
    listed = con.frame(ibis.memtable(pa.table({"source": list(sources)})))
    names = con.opened(listed.repartition(min(len(sources), TASKS)))
    return con.map_batches(names, partial(read_files, schema=schema.to_pyarrow()), schema)


def read_files(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Read the files that a worker was given; runs on the worker.

    Parameters
    ----------
    batches : iterator of pyarrow RecordBatch
        With a column ``source``.
    schema : pyarrow Schema
        What is wanted of each file; ``filename`` is where it lies, unless it has such a column.
    """
    for source in (text for batch in batches for text in batch["source"].to_pylist()):
        store, place = open_store(source)
        with store.open(place, "rb") as file:
            opened = pq.ParquetFile(file)
            own = [name for name in schema.names if name in opened.schema_arrow.names]
            for part in opened.iter_batches(columns=own):
                table = pa.Table.from_batches([part])
                if "filename" not in own and "filename" in schema.names:
                    named = pa.array([source] * len(table), pa.string())
                    table = table.append_column("filename", named)
                yield from table.select(schema.names).cast(schema).to_batches()
