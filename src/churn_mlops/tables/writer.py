"""Writes tables beside their place, then renames."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ibis.expr.types as ir
import pyarrow as pa

from churn_mlops.engine import Engine, embedded
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables import folders
from churn_mlops.tables.contract import Contract
from churn_mlops.tables.made import Made
from churn_mlops.tables.manifest import ship
from churn_mlops.tables.spread import spread, with_day
from churn_mlops.tables.task_files import DAY


class Writer:
    """Writes a table part by part; nothing is seen under its name until all parts are there.

    Each part must come sorted by the key and after the parts before it. CSV parts are joined to
    one file; a Parquet table with ``parts`` becomes a directory of part files, and one that grows
    with days gets a file for each of its `kept_days` last days.

    Parameters
    ----------
    contract : Contract
    params : Params
        Format and place.
    path : Path, optional
        Another place than the contract's.
    last_day : date, optional
        The last day of a table with ``Contract.day``; without it, it cannot grow by days.
    fingerprint : str, optional
        What the table is made from (`made.fingerprint`); given with `last_day`.
    """

    def __init__(
        self,
        contract: Contract,
        params: Params,
        path: Path | None = None,
        last_day: date | None = None,
        fingerprint: str = "",
    ) -> None:
        self.contract = contract
        self.path = path or contract.path(params)
        self.rows = 0
        self._format = params.tables.format
        self._params = params
        self._beside = folders.beside(self.path)
        self._count = 0
        self._fingerprint = fingerprint
        self._in_files = self._format == "parquet" and contract.parts
        self._last_day = last_day if self._in_files and contract.day is not None else None
        self._con: Engine | None = None

    def __enter__(self) -> Self:
        folders.remove(folders.beside(folders.settle(self.path)))
        self._beside.mkdir(parents=True)
        return self

    def append(self, con: Engine, part: ir.Table | pa.Table) -> int:
        """Write one part and return its number of rows."""
        target = self._beside / f"part-{self._count:05d}.{self._format}"
        first = self._count == 0
        self._count += 1
        if con.name != "duckdb" and self._in_files and isinstance(part, ir.Table):
            if not first:
                raise ContractError(
                    f"a cluster writes '{self.contract.name}' at once, not in parts"
                )
            # Each day has files of its own then, and the table is made as a whole.
            self._last_day = None
            rows = spread(con, part, self.contract, self._params, self._beside)
            self.rows += rows
            return rows
        with ExitStack() as stack:
            if isinstance(part, pa.Table) or con.name != "duckdb":
                arrow = part if isinstance(part, pa.Table) else con.to_pyarrow(part)
                con = stack.enter_context(embedded(self._params))
                con.con.register("part", arrow)
                part = con.table("part")
            else:
                self._con = con
            if self._last_day is None:
                rows = self._copy(con, self.contract.typed(part), target, header=first)
            else:
                rows = self._copy_by_day(con, part, target, self._last_day)
        self.rows += rows
        return rows

    def _copy(self, con: Engine, table: ir.Table, target: Path, *, header: bool) -> int:
        options = f"FORMAT csv, HEADER {header}" if self._format == "csv" else "FORMAT parquet"
        return copy(con, table, target, options)

    def _copy_by_day(self, con: Engine, part: ir.Table, target: Path, last_day: date) -> int:
        """Write older days to a part file, the last ones to a file that is cut up in the end."""
        staged = self._beside / ".staged"
        rows = copy(con, with_day(part, self.contract), staged, "FORMAT parquet")
        first = last_day - timedelta(days=kept_days(self._params) - 1)
        # Computing the part is the costly work; reading it once more is not.
        source = f"FROM read_parquet({_literal(staged)})"
        recent = f"coalesce({DAY} BETWEEN DATE '{first}' AND DATE '{last_day}', false)"
        older = f"SELECT * EXCLUDE ({DAY}) {source} WHERE NOT {recent}"
        con.raw_sql(f"COPY ({older}) TO {_literal(target)} (FORMAT parquet)")
        latest = f"SELECT * {source} WHERE {recent} ORDER BY {', '.join((DAY, *self.contract.key))}"
        place = self._beside / f".recent-{target.name}"
        con.raw_sql(f"COPY ({latest}) TO {_literal(place)} (FORMAT parquet)")
        staged.unlink()
        return rows

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._commit()
        finally:
            folders.remove(folders.beside(folders.settle(self.path)))

    def _commit(self) -> None:
        if self._last_day is not None:
            self._cut_into_days(self._last_day)
            made = Made.anew(self._fingerprint, self._last_day, self.rows)
            made.write(self._beside)
        parts = sorted(self._beside.iterdir())
        if not parts or self._count == 0:
            raise ContractError(f"nothing was written to {self.path}")
        if self._in_files:
            ship(self._beside, self.contract, self._params)
            folders.swap(self.path)
            return
        if len(parts) > 1 and self._format == "parquet":
            raise ContractError(f"table '{self.contract.name}' is one file and cannot take parts")
        with parts[0].open("ab") as whole:
            for part in parts[1:]:
                with part.open("rb") as file:
                    shutil.copyfileobj(file, whole, 1 << 24)
                part.unlink()
        os.replace(parts[0], self.path)

    def _cut_into_days(self, last_day: date) -> None:
        """Give each of the last days its file; parts come in the order of users, and stay so."""
        recent = sorted(self._beside.glob(".recent-*"))
        if not recent:
            return
        listed = ", ".join(_literal(path) for path in recent)
        with ExitStack() as stack:
            con = self._con or stack.enter_context(embedded(self._params))
            found = f"SELECT DISTINCT {DAY} FROM read_parquet([{listed}]) ORDER BY 1"  # noqa: S608
            days = [day for (day,) in con.raw_sql(found).fetchall()]
            for _ in cut_into_days(con, recent, self._beside, days):
                pass
        for path in recent:
            path.unlink()


def kept_days(params: Params) -> int:
    """How many of its last days a growing table keeps in files of their own.

    Adding a day looks back over the longest window, horizon or time of eligibility, from the
    earliest day that late rows may still change.
    """
    churn = params.churn
    longest = max(*params.features.windows_days, churn.window_days, churn.active_within_days or 0)
    return longest + params.data.late_days + 1


def write_days(
    con: Engine,
    parts: Iterable[ir.Table],
    contract: Contract,
    params: Params,
    first: date,
    last: date,
) -> int:
    """Write the files of some days of a growing table, each in the place of the one before it.

    Parameters
    ----------
    con : Engine
        DuckDB.
    parts : iterable of ibis Table
        The rows of these days in any order, but users of a part come after those before it.
    contract : Contract
    params : Params
    first, last : date
        Both included. A day without rows gets a file without rows.

    Returns
    -------
    int
        Rows that were written.
    """
    folder = folders.settle(contract.path(params))
    place = folders.beside(folder)
    folders.remove(place)
    place.mkdir()
    order = [DAY, *contract.key]
    staged: list[Path] = []
    for part in parts:
        staged.append(place / f"{len(staged):05d}")
        copy(con, with_day(part, contract).order_by(order), staged[-1], "FORMAT parquet")
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    rows = 0
    for day, count in cut_into_days(con, staged, place, days):
        os.replace(place / folders.day_file(day), folder / folders.day_file(day))
        rows += count
    ship(folder, contract, params)
    folders.remove(place)
    return rows


def cut_into_days(
    con: Engine, staged: list[Path], folder: Path, days: Iterable[date]
) -> Iterator[tuple[date, int]]:
    """Give each day its file, from files whose rows are in the order of days; tells its rows."""
    source = f"FROM read_parquet([{', '.join(_literal(path) for path in staged)}])"
    for day in days:
        query = f"SELECT * EXCLUDE ({DAY}) {source} WHERE {DAY} = DATE '{day}'"
        target = _literal(folder / folders.day_file(day))
        yield day, int(con.raw_sql(f"COPY ({query}) TO {target} (FORMAT parquet)").fetchone()[0])


def replace_file(
    con: Engine, table: ir.Table, contract: Contract, params: Params, name: str
) -> int:
    """Write one file of a Parquet table in the place of the one before it; returns its rows."""
    folder = contract.path(params)
    writing = folder / f".{name}.writing"
    rows = copy(con, table, writing, "FORMAT parquet")
    os.replace(writing, folder / name)
    ship(folder, contract, params)
    return rows


def copy(con: Engine, table: ir.Table, target: Path, options: str) -> int:
    """Write an expression to a file and return its rows, which `to_csv` and the like do not."""
    query = f"COPY ({compiled(con, table)}) TO {_literal(target)} ({options})"
    return int(con.raw_sql(query).fetchone()[0])


def hold_as(con: Engine, name: str, table: ir.Table) -> ir.Table:
    """Compute an expression once and keep it in DuckDB under a name, for this connection."""
    # Ibis and DuckDB do not agree on every type: a date less an interval is a time in DuckDB.
    mapper = con.compiler.type_mapper
    columns = ", ".join(
        f'CAST("{column}" AS {mapper.to_string(kind)}) AS "{column}"'
        for column, kind in table.schema().items()
    )
    query = f"SELECT {columns} FROM ({compiled(con, table)})"  # noqa: S608
    con.raw_sql(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
    return con.table(name)


def compiled(con: Engine, table: ir.Table) -> str:
    """The query of an expression; registers the in-memory tables that it needs."""
    con._run_pre_execute_hooks(table)
    return str(con.compile(table))


def write(
    con: Engine,
    parts: ir.Table | pa.Table | Iterable[ir.Table],
    contract: Contract,
    params: Params,
    path: Path | None = None,
    **by_day: Any,
) -> int:
    """Write a whole table, given as one expression or as parts, and return its rows.

    `by_day` are `last_day` and `fingerprint` of a `Writer`.
    """
    with Writer(contract, params, path, **by_day) as writer:
        for part in [parts] if isinstance(parts, ir.Table | pa.Table) else parts:
            writer.append(con, part)
    return writer.rows


def _literal(path: Path) -> str:
    """A path as a text of SQL."""
    return "'" + str(path).replace("'", "''") + "'"
