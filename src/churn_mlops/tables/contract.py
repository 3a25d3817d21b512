"""A table's contract: its name, place, key and columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import ibis.expr.types as ir

from churn_mlops.errors import ContractError
from churn_mlops.params import Params

# Measures are kept to this part of a unit, and added as whole numbers of it.
MICRO = 1_000_000


@dataclass(frozen=True)
class Column:
    """A column: its Ibis type (``int64``, ``date``, …), whether it may be null, and its meaning.

    `minimum` and `maximum` bound the possible values; both are included.
    """

    name: str
    type: str
    nullable: bool = True
    unit: str = ""
    about: str = ""
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Contract:
    """What a table promises.

    Parameters
    ----------
    name : str
        File name without its ending.
    folder : str
        Folder below the data root, such as ``processed``.
    key : tuple of str
        Columns that identify a row; tables are written in this order.
    columns : tuple of Column
    parts : bool
        In Parquet it is a directory of part files.
    day : str, optional
        The column that tells a row's day, a date or a time: in Parquet the table grows day by day,
        and its recent days have a file each. A column that is not among `columns` is only looked
        at while the table is written.
    """

    name: str
    folder: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    parts: bool = False
    day: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def types(self) -> dict[str, str]:
        """Column name to Ibis type, in order."""
        return {column.name: column.type for column in self.columns}

    def path(self, params: Params) -> Path:
        """Where the table lies: ``data/processed/user_daily.csv``."""
        return Path(params.paths.data) / self.folder / f"{self.name}.{params.tables.format}"

    def only(self, *names: str) -> Contract:
        """The same table with some of its columns, for reading."""
        return replace(self, columns=tuple(c for c in self.columns if c.name in names))

    def require(self, present: Iterable[str], where: Path | str) -> None:
        """Raise `ContractError` unless all columns are present."""
        missing = [name for name in self.names if name not in set(present)]
        if missing:
            raise ContractError(
                f"{where}: table '{self.name}' lacks {', '.join(missing)}",
                fix="run the stage that writes it again (`dvc repro`)",
            )

    def typed(self, table: ir.Table) -> ir.Table:
        """Select the contract's columns, in order and cast to their types."""
        return table.select(**{name: table[name].cast(type_) for name, type_ in self.types.items()})

    def sorted(self, table: ir.Table) -> ir.Table:
        """The typed table in the order of its key; cast first, as narrow rows sort faster."""
        return self.typed(table).order_by(*self.key)
