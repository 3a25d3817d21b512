"""Reads tables from a database as Arrow batches, in bounded memory."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa

from churn_mlops.errors import SourceError

DRIVERS = {"postgresql": "adbc_driver_postgresql", "postgres": "adbc_driver_postgresql",
           "sqlite": "adbc_driver_sqlite"}  # fmt: skip
SQLITE_BATCH = {"adbc.sqlite.query.batch_rows": str(1 << 20)}
"""SQLite's columns have no type: the driver takes that of a batch's values, of the first one's."""
NAME = re.compile(r"^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?$")


def masked(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))


@dataclass(frozen=True)
class Span:
    """Days from `first` (None: from the beginning) to `last`, both included."""

    first: date | None
    last: date


@contextlib.contextmanager
def connection(url: str) -> Iterator[Any]:
    """Connect to ``postgresql://…`` or ``sqlite:///FILE``.

    Raises
    ------
    SourceError
        No driver for the URL, or the database refuses. A password is never shown.
    """
    scheme = url.split("://", 1)[0].split("+", 1)[0]
    if scheme not in DRIVERS:
        raise SourceError(
            f"data.sql.url: no driver for {scheme}://", fix="use postgresql:// or sqlite:///"
        )
    try:
        dbapi: Any = __import__(f"{DRIVERS[scheme]}.dbapi", fromlist=["dbapi"])
    except ImportError as error:
        raise SourceError(
            f"data.sql.url: {scheme}:// needs {DRIVERS[scheme]}",
            fix="pip install 'churn-mlops[sql]'",
        ) from error
    target = url.removeprefix("sqlite:///") if scheme == "sqlite" else url
    with _explained(url, f"cannot be reached at {masked(url)}"):
        opened = dbapi.connect(target)
        if scheme != "sqlite":
            # Days begin in UTC, wherever the server is: it compares a time that has a zone with the
            # bounds of a day in the zone of the session.
            with opened.cursor() as cursor:
                cursor.execute("SET TIME ZONE 'UTC'")
            opened.commit()
    try:
        yield opened
    finally:
        opened.close()


def batches(
    con: Any, url: str, relation: str, span: Span | None = None, time: str = "event_time"
) -> Iterator[pa.Table]:
    """Read a table or SELECT in batches.

    Parameters
    ----------
    con : connection
    url : str
        For messages.
    relation : str
        A table's name, perhaps with its schema, or a SELECT.
    span : Span, optional
        Read only rows whose `time` lies in it, or is missing; the database filters.
    time : str
        The source's name of the time column.

    Yields
    ------
    pyarrow Table
        At least one, so that an empty relation still tells its columns.

    Raises
    ------
    SourceError
        The query cannot be run, or SQLite's rows go on with values of another kind.
    """
    postgres = url.startswith("postgres")
    # The relation comes from params.yaml, whose author may run any query anyway.
    inner = f"SELECT * FROM {relation}" if NAME.match(relation) else relation.rstrip(" ;\n")  # noqa: S608
    query: str = inner
    values: tuple[object, ...] | None = None
    if span is not None:
        bounds = [(">=", span.first)] if span.first is not None else []
        bounds += [("<", span.last + timedelta(days=1))]
        values = tuple(
            datetime(day.year, day.month, day.day) if postgres else day.isoformat()
            for _, day in bounds
        )
        wanted = " AND ".join(
            f'"{time}" {sign} {f"${n}" if postgres else "?"}'
            for n, (sign, _) in enumerate(bounds, start=1)
        )
        query = f'SELECT * FROM ({inner}) AS source WHERE ({wanted}) OR "{time}" IS NULL'  # noqa: S608
    with _explained(url, f"cannot run {query!r}"), con.cursor() as cursor:
        if not postgres:
            cursor.adbc_statement.set_options(**SQLITE_BATCH)
        cursor.execute(query, values)
        reader = cursor.fetch_record_batch()
        some = False
        for batch in reader:
            some = True
            yield _plain(pa.Table.from_batches([batch]), typeless=not postgres)
        if not some:
            yield _plain(reader.schema.empty_table(), typeless=not postgres)


def _plain(table: pa.Table, typeless: bool) -> pa.Table:
    """Times in UTC without a zone, extension types (numeric) as what they are stored as.

    A column without any value is text where the database knows no types: every later value can
    stand beside it.
    """
    columns = []
    for column in table.columns:
        if isinstance(column.type, pa.BaseExtensionType):
            column = pa.chunked_array(
                [chunk.storage for chunk in column.chunks], column.type.storage_type
            )
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us"))
        if typeless and column.null_count == len(column):
            column = column.cast(pa.string())
        columns.append(column)
    return pa.table(columns, names=table.column_names)


@contextlib.contextmanager
def _explained(url: str, what: str) -> Iterator[None]:
    import adbc_driver_manager

    try:
        yield
    except (adbc_driver_manager.Error, OSError) as error:
        password = urlsplit(url).password
        text = str(error).replace(password, "***") if password else str(error)
        raise SourceError(
            f"the database {what}: {text.strip()}",
            fix="check data.sql: url, table names and permissions",
        ) from error
