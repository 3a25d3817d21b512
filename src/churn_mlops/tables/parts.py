"""Cuts big tables into ranges of users, so that no stage needs the whole in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import ibis.expr.types as ir

from churn_mlops.engine import Engine
from churn_mlops.params import Params


@dataclass(frozen=True)
class UserRange:
    """Users from `first` to `last`, both included, in the order of their ids."""

    first: int | str
    last: int | str

    def __str__(self) -> str:
        return f"users up to {self.last}"

    def of(self, table: ir.Table) -> ir.Table:
        """Keep the rows of these users."""
        return table.filter(table.user_id.between(self.first, self.last))


class Everybody:
    """All users at once: a cluster cuts its work up itself."""

    def __str__(self) -> str:
        return "all users"

    def of(self, table: ir.Table) -> ir.Table:
        """The table as it is."""
        return table


def user_ranges(
    con: Engine, users: ir.Table, days: int, params: Params
) -> Sequence[UserRange | Everybody]:
    """Cut the users into ranges of about ``duckdb.rows_per_part`` user-days each, for DuckDB.

    Parameters
    ----------
    con : Engine
    users : ibis Table
        Has a column ``user_id``; each user once.
    days : int
        Days that a user has at most.
    """
    if con.name != "duckdb":
        return [Everybody()]
    ids = users.user_id.name("user_id").as_table().order_by("user_id").to_pyarrow()["user_id"]
    count = len(ids)
    if count == 0:
        return []
    parts = max(1, math.ceil(count * days / params.duckdb.rows_per_part))
    size = math.ceil(count / parts)
    return [
        UserRange(ids[first].as_py(), ids[min(first + size, count) - 1].as_py())
        for first in range(0, count, size)
    ]


def hold(
    con: Engine, table: ir.Table, ranges: Sequence[UserRange | Everybody], params: Params
) -> ir.Table:
    """Keep a CSV table in the engine when it is read once per range; Parquet prunes by itself."""
    if params.tables.format == "csv" and len(ranges) > 1 and con.name == "duckdb":
        return con.create_table(f"held_{abs(hash(table)) % 10**12}", table, temp=True)
    return table
