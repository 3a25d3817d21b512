"""Expressions that are compiled once and computed on many small inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import pyarrow as pa

from churn_mlops.engine import Engine
from churn_mlops.tables.writer import compiled


class Query:
    """A DuckDB query over named tables whose rows are given when it is computed.

    Compiling an expression takes Ibis a hundred times as long as DuckDB needs for a few rows.

    Parameters
    ----------
    con : Engine
        DuckDB.
    expression : ibis Table
        Made of unbound tables, such as those of `unbound`.
    """

    def __init__(self, con: Engine, expression: Any) -> None:
        self._con = con
        # The expression keeps its in-memory tables, such as the days of a calendar, alive.
        self._expression = expression
        self._sql = compiled(con, expression)
        self._schema = expression.schema().to_pyarrow()

    def compute(self, tables: Mapping[str, pa.Table]) -> pa.Table:
        """The query's rows for these tables, in its order and with the types of the expression."""
        for name, table in tables.items():
            self._con.con.register(name, table)
        try:
            return self._con.con.execute(self._sql).to_arrow_table().cast(self._schema)
        finally:
            for name in tables:
                self._con.con.unregister(name)


def unbound(tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """Tables of the same names and columns, without rows."""
    return {name: ibis.table(table.schema, name=name) for name, table in tables.items()}
