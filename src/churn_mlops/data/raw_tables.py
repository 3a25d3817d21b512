"""Opens the raw tables and finds what is wrong with them as a whole."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir

from churn_mlops.data.parse import leading_zeros, text_of, typed
from churn_mlops.data.raw_files import held_files
from churn_mlops.data.watermark import read_watermark
from churn_mlops.engine import Engine
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.params.rules import nearest
from churn_mlops.tables import Contract, contracts
from churn_mlops.tables.folders import settle
from churn_mlops.tables.sources import open_parquet

HEADER_BYTES = 1 << 20
SAMPLE_ROWS = 1_000
OWN_DAY = {"users": "signup_date", "events": "event_time", "subscriptions": "start_date"}
"""The column that tells of the day a raw row is about, by table."""


@dataclass(frozen=True)
class RawTables:
    """The raw tables as they came; `subscriptions` only when ``data.subscriptions``."""

    users: ir.Table
    events: ir.Table
    subscriptions: ir.Table | None


def open_raw(con: Engine, params: Params) -> RawTables:
    """Open the raw tables; their columns are text (CSV) or typed (Parquet).

    Raises
    ------
    ContractError
        A file is missing or unreadable, a column is missing or named twice.
    """
    users = open_table(con, contracts.users(params), params)
    events = open_table(con, contracts.events(params), params)
    subscriptions = None
    if params.data.subscriptions:
        subscriptions = open_table(con, contracts.subscriptions(params), params)
    return RawTables(users, events, subscriptions)


def open_table(con: Engine, contract: Contract, params: Params) -> ir.Table:
    """Open one raw table; its columns are text (CSV) or typed (Parquet)."""
    path = settle(contract.path(params))
    if not path.exists():
        raise ContractError(f"there is no {path}", fix="run `dvc repro generate_data` first")
    with readable(path):
        if params.tables.format == "csv":
            table = open_csv(con, path, path)
        else:
            files = list(held_files(path, read_watermark(params)).values())
            table = open_parquet(con, files, contract.names)
    missing = [name for name in contract.names if name not in table.columns]
    if missing:
        hints = "".join(nearest(name, table.columns) for name in missing)
        raise ContractError(
            f"{path} lacks {', '.join(missing)}{hints} (it has {', '.join(table.columns)})",
            check="CHN103",
            fix="map it in data.columns, or take it out of features.static or data.measures",
        )
    return table.select(*contract.names)


def csv_header(path: Path, named: Path) -> list[str]:
    """Read a CSV file's column names; none when it is empty.

    Raises
    ------
    ContractError
        The first line is too long to be a header (CHN101), or names a column twice (CHN102).
    """
    with path.open("rb") as file:
        line = file.readline(HEADER_BYTES)
    if len(line) == HEADER_BYTES:
        raise ContractError(
            f"{named}: the first line has more than {HEADER_BYTES:,} bytes",
            check="CHN101",
            fix="check that the file is CSV with a header line",
        )
    text = line.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    header = next(csv.reader([text]), []) if text else []
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ContractError(
            f"{named}: the header names {', '.join(twice)} twice",
            check="CHN102",
            fix="rename one of them in the source",
        )
    return header


def open_csv(con: Engine, path: Path, named: Path) -> ir.Table:
    """Open a CSV file with every column as text; nothing is guessed.

    A row of another width than the header's is an error (CHN101).
    """
    header = csv_header(path, named)
    if not header:
        raise ContractError(f"{named} is empty", check="CHN104", fix="check the source")
    if con.name == "duckdb":
        return con.read_csv(
            str(path),
            header=True,
            auto_detect=False,
            columns=dict.fromkeys(header, "VARCHAR"),
            delim=",",
            quote='"',
            escape='"',
        )
    return con.read_text_table(path, ibis.schema(dict.fromkeys(header, "string")))


@contextlib.contextmanager
def readable(where: Path | str) -> Iterator[None]:
    """Turn the engine's error about a file into one clear message."""
    import duckdb

    try:
        yield
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
        if isinstance(error, duckdb.OutOfMemoryException):
            raise
        first = next((line for line in str(error).splitlines() if line.strip()), "")
        raise ContractError(
            f"{where} cannot be read: {first}", check="CHN101",
            fix="look at the line that is named; export the file again",
        ) from error  # fmt: skip


def check_structure(con: Engine, raw: ir.Table, contract: Contract) -> int:
    """Check a raw table as a whole and return its number of rows.

    Raises
    ------
    ContractError
        No row; ids with leading zeros that are to be integers; a column of which no value among
        the first rows can be read.
    """
    ids = [c for c in contract.columns if c.type == "int64" and raw[c.name].type().is_string()]
    zeros = {c.name: leading_zeros(raw[c.name]).cast("int64").sum() for c in ids}
    found = con.to_pyarrow(raw.aggregate(rows=raw.count(), **zeros)).to_pylist()[0]
    if found["rows"] == 0:
        raise ContractError(
            f"{contract.name} has no row", check="CHN104", fix="check the source's path or query"
        )
    for column in ids:
        if found[column.name]:
            raise ContractError(
                f"{contract.name}.{column.name} has {found[column.name]:,} ids with leading zeros,"
                " which integers would lose",
                check="CHN105",
                fix=f"set data.{column.name}: text",
            )
    _check_types(con, raw, contract)
    return int(found["rows"])


def _check_types(con: Engine, raw: ir.Table, contract: Contract) -> None:
    head = raw.limit(SAMPLE_ROWS)
    facts = {}
    for column in contract.columns:
        facts[f"{column.name}:present"] = text_of(head[column.name]).count()
        facts[f"{column.name}:read"] = typed(head[column.name], column.type).count()
    found = con.to_pyarrow(head.aggregate(**facts)).to_pylist()[0]
    for column in contract.columns:
        if found[f"{column.name}:present"] and not found[f"{column.name}:read"]:
            an_id = column.name in ("user_id", "event_id")
            raise ContractError(
                f"none of the first {found[f'{column.name}:present']:,} values of"
                f" {contract.name}.{column.name} can be read as {column.type}",
                check="CHN106",
                fix=f"set data.{column.name}: text"
                if an_id
                else "map the right column in data.columns",
            )
