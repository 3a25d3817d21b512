"""The raw tables day by day: what is held, and adding what has arrived.

In Parquet what arrived on a day lies in a file of its own, ``arrived-DATE.parquet``, beside the
``part-*`` files of what was read as a whole; in CSV rows are added at the end. Whatever lies
behind the watermark was written by a run that was killed: it does not count, and is replaced.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import BinaryIO

import ibis.expr.types as ir

from churn_mlops.data.raw_files import arrival_day, held_files
from churn_mlops.data.raw_tables import open_csv
from churn_mlops.data.watermark import Watermark, read_watermark
from churn_mlops.engine import Engine
from churn_mlops.params import Params
from churn_mlops.tables import Contract
from churn_mlops.tables.folders import remove, settle
from churn_mlops.tables.manifest import NAME as MANIFEST
from churn_mlops.tables.manifest import forget, listed
from churn_mlops.tables.sources import open_parquet
from churn_mlops.tables.writer import copy, replace_file


def clear_leftovers(contract: Contract, params: Params, mark: Watermark | None) -> None:
    """Take away what a killed run left of a raw table.

    Without a watermark that is all of it: the watermark is written last.
    """
    path = settle(contract.path(params))
    if mark is None:
        remove(path)
    elif path.is_dir():
        held = held_files(path, mark)
        forget(path, set(listed(path)) - set(held))
        for file in path.iterdir():
            if file.name not in held and file.name != MANIFEST:
                remove(file)


def held_table(con: Engine, contract: Contract, params: Params, since: date | None) -> ir.Table:
    """Open what is held of a raw table, with its columns as they came.

    Parameters
    ----------
    con : Engine
        DuckDB.
    contract : Contract
    params : Params
    since : date, optional
        Files that arrived before it are not opened: they hold earlier days only.
    """
    path, mark = contract.path(params), read_watermark(params)
    if params.tables.format == "csv":
        return open_csv(con, _trimmed(path, mark), path).select(*contract.names)
    files = list(held_files(path, mark).values())
    wanted = [f for f in files if since is None or (arrival_day(f) or date.max) >= since]
    return open_parquet(con, wanted or files[:1]).select(*contract.names)


def is_held(contract: Contract, params: Params) -> bool:
    """Tell whether anything of a raw table is held."""
    path = settle(contract.path(params))
    return bool(listed(path))


def add(con: Engine, rows: ir.Table, contract: Contract, params: Params, day: date) -> Path:
    """Add rows to a raw table, in order; those that arrived on the day before stay.

    Parameters
    ----------
    con : Engine
        DuckDB.
    rows : ibis Table
        In the types of the rows that are held.
    contract : Contract
    params : Params
    day : date
        On which they arrived.
    """
    path = contract.path(params)
    rows = rows.select(*contract.names)
    if params.tables.format == "csv":
        return _add_to_csv(con, _ordered(rows, contract), path, read_watermark(params))
    path.mkdir(parents=True, exist_ok=True)
    name = f"arrived-{day.isoformat()}.parquet"
    before = listed(path).get(name)
    if before is not None:
        rows = open_parquet(con, [before]).select(*contract.names).union(rows)
    replace_file(con, _ordered(rows, contract), contract, params, name)
    return path


def _ordered(rows: ir.Table, contract: Contract) -> ir.Table:
    rest = [name for name in contract.names if name not in contract.key]
    return rows.order_by(*contract.key, *rest)


def _add_to_csv(con: Engine, rows: ir.Table, path: Path, mark: Watermark | None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    writing = path.with_name(f".{path.name}.writing")
    copy(con, rows, new, f"FORMAT csv, HEADER {not path.exists()}")
    with writing.open("wb") as out:
        if path.exists():
            _copy_bytes(path, out, _size(path, mark))
        _copy_bytes(new, out, new.stat().st_size)
    new.unlink()
    os.replace(writing, path)
    return path


def _trimmed(path: Path, mark: Watermark | None) -> Path:
    """The file, without what lies behind the watermark."""
    size = _size(path, mark)
    if path.stat().st_size > size:
        writing = path.with_name(f".{path.name}.writing")
        with writing.open("wb") as out:
            _copy_bytes(path, out, size)
        os.replace(writing, path)
    return path


def _size(path: Path, mark: Watermark | None) -> int:
    told = None if mark is None else mark.sizes.get(path.name)
    size = path.stat().st_size
    return size if told is None else min(told, size)


def _copy_bytes(source: Path, out: BinaryIO, size: int) -> None:
    with source.open("rb") as file:
        while size > 0 and (chunk := file.read(min(size, 1 << 24))):
            out.write(chunk)
            size -= len(chunk)


def csv_sizes(contracts: list[Contract], params: Params) -> dict[str, int]:
    """Bytes of the raw CSV tables, for the watermark; none in Parquet."""
    if params.tables.format != "csv":
        return {}
    paths = [contract.path(params) for contract in contracts]
    return {path.name: path.stat().st_size for path in paths if path.exists()}
