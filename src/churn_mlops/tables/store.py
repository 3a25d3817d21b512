"""Reads tables into the engine."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import ibis
import ibis.expr.types as ir

from churn_mlops.engine import Engine
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables.contract import Contract
from churn_mlops.tables.folders import files_since, settle
from churn_mlops.tables.manifest import listed
from churn_mlops.tables.sources import file_facts, open_parquet


def exists(contract: Contract, params: Params) -> bool:
    """Tell whether the table has been written."""
    return settle(contract.path(params)).exists()


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
    return list(file_facts(_sources(path)[0]).schema.to_arrow_schema().names)


def scan(con: Engine, contract: Contract, params: Params, since: date | None = None) -> ir.Table:
    """Open a table as an Ibis expression with the contract's columns and types.

    Parameters
    ----------
    con : Engine
    contract : Contract
    params : Params
    since : date, optional
        Only the rows of this day and later; files that cannot hold any are not opened.

    Raises
    ------
    ContractError
        The table has not been written, or lacks a column.
    """
    path = _require(contract, params)
    if params.tables.format == "csv":
        return _since(_scan_csv(con, contract, path), contract, since)
    recent = None if since is None else files_since(path, since)
    table = open_parquet(con, recent or _sources(path), contract.names)
    contract.require(table.columns, path)
    return _since(table.select(*contract.names), contract, since)


def _sources(path: Path) -> list[str]:
    found = list(listed(path).values())
    if not found:
        raise ContractError(f"{path} has no files", fix="run the stage that writes it: `dvc repro`")
    return found


def _since(table: ir.Table, contract: Contract, since: date | None) -> ir.Table:
    if since is None:
        return table
    if contract.day not in contract.names:
        raise ContractError(f"table '{contract.name}' has no column that tells a row's day")
    # A date is compared as the time of its midnight, so that statistics of either type help.
    return table.filter(table[contract.day] >= ibis.literal(since).cast(table[contract.day].type()))


def _require(contract: Contract, params: Params) -> Path:
    path = settle(contract.path(params))
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
        table = con.read_text_table(path, ibis.schema(types))
    return table.select(*contract.names)
