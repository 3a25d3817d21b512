"""Reads tables into the engine and writes them beside their place, then renames."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from churn_mlops.engine import Engine, embedded
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables.contract import Contract


def exists(contract: Contract, params: Params) -> bool:
    """Tell whether the table has been written."""
    return contract.path(params).exists()


def present(contract: Contract, params: Params) -> list[str]:
    """Names of the columns that the table really has.

    Raises
    ------
    ContractError
        The table has not been written.
    """
    path = _require(contract, params)
    if params.tables.format == "csv":
        return _header(path)
    import pyarrow.dataset as ds

    return list(ds.dataset(path, format="parquet").schema.names)


def scan(con: Engine, contract: Contract, params: Params) -> ir.Table:
    """Open a table as an Ibis expression with the contract's columns and types.

    Raises
    ------
    ContractError
        The table has not been written, or lacks a column.
    """
    path = _require(contract, params)
    if params.tables.format == "csv":
        return _scan_csv(con, contract, path)
    table = con.read_parquet(str(path / "*.parquet") if path.is_dir() else str(path))
    contract.require(table.columns, path)
    return table.select(*contract.names)


def _require(contract: Contract, params: Params) -> Path:
    path = contract.path(params)
    if not path.exists():
        raise ContractError(
            f"there is no {path}",
            fix="run the stage that writes it: `dvc repro` runs what is missing",
        )
    return path


def _header(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [])


def _scan_csv(con: Engine, contract: Contract, path: Path) -> ir.Table:
    header = _header(path)
    contract.require(header, path)
    types = {name: contract.types.get(name, "string") for name in header}
    if con.name == "duckdb":
        native = {
            name: con.compiler.type_mapper.to_string(ibis.dtype(t)) for name, t in types.items()
        }
        table = con.read_csv(str(path), header=True, auto_detect=False, columns=native)
    else:
        table = con.read_csv(str(path), schema=ibis.schema(types), header=True, escape='"')
    return table.select(*contract.names)


class Writer:
    """Writes a table part by part; nothing is seen under its name until all parts are there.

    Each part must come sorted by the key and after the parts before it. CSV parts are joined to
    one file; a Parquet table with ``parts`` becomes a directory of part files.

    Parameters
    ----------
    contract : Contract
    params : Params
        Format and place.
    path : Path, optional
        Another place than the contract's.
    """

    def __init__(self, contract: Contract, params: Params, path: Path | None = None) -> None:
        self.contract = contract
        self.path = path or contract.path(params)
        self.rows = 0
        self._format = params.tables.format
        self._params = params
        self._beside = self.path.with_name(f".{self.path.name}.writing")
        self._count = 0

    def __enter__(self) -> Self:
        _remove(self._beside)
        self._beside.mkdir(parents=True)
        return self

    def append(self, con: Engine, part: ir.Table | pa.Table) -> int:
        """Write one part and return its number of rows."""
        target = self._beside / f"part-{self._count:05d}.{self._format}"
        first = self._count == 0
        self._count += 1
        if isinstance(part, pa.Table) or con.name != "duckdb":
            arrow = part if isinstance(part, pa.Table) else part.to_pyarrow()
            with embedded(self._params) as own:
                own.con.register("part", arrow)
                rows = self._copy(own, own.table("part"), target, header=first)
        else:
            rows = self._copy(con, part, target, header=first)
        self.rows += rows
        return rows

    def _copy(self, con: Any, table: ir.Table, target: Path, *, header: bool) -> int:
        typed = self.contract.typed(table)
        options = f"FORMAT csv, HEADER {header}" if self._format == "csv" else "FORMAT parquet"
        # Registers in-memory tables, as con.to_csv does; that one does not tell the rows.
        con._run_pre_execute_hooks(typed)
        query = f"COPY ({con.compile(typed)}) TO '{_quoted(target)}' ({options})"
        return int(con.raw_sql(query).fetchone()[0])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._commit()
        _remove(self._beside)

    def _commit(self) -> None:
        parts = sorted(self._beside.iterdir())
        if not parts:
            raise ContractError(f"nothing was written to {self.path}")
        if self._format == "parquet" and self.contract.parts:
            _remove(self.path)
            os.replace(self._beside, self.path)
            return
        if len(parts) > 1 and self._format == "parquet":
            raise ContractError(f"table '{self.contract.name}' is one file and cannot take parts")
        with parts[0].open("ab") as whole:
            for part in parts[1:]:
                with part.open("rb") as file:
                    shutil.copyfileobj(file, whole, 1 << 24)
                part.unlink()
        os.replace(parts[0], self.path)


def write(
    con: Engine,
    parts: ir.Table | pa.Table | Iterable[ir.Table],
    contract: Contract,
    params: Params,
    path: Path | None = None,
) -> int:
    """Write a whole table, given as one expression or as parts, and return its rows."""
    with Writer(contract, params, path) as writer:
        for part in [parts] if isinstance(parts, ir.Table | pa.Table) else parts:
            writer.append(con, part)
    return writer.rows


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
