"""Holds two tables against each other: the same columns and rows, floats to a part in 10^9."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_mlops import engine
from churn_mlops.params import Params
from churn_mlops.tables import Contract
from churn_mlops.tables.folders import settle
from churn_mlops.tables.manifest import listed
from churn_mlops.tables.sources import open_parquet

RELATIVE = 1e-9


def read(params: Params, contract: Contract) -> pa.Table:
    """A table, whichever engine wrote it, read by DuckDB in the order of its key."""
    path = settle(contract.path(params))
    with engine.embedded(params) as con:
        if params.tables.format == "csv":
            table = con.read_csv(str(path))
        else:
            table = open_parquet(con, list(listed(path).values()))
        rest = [name for name in table.columns if name not in contract.key]
        return con.to_pyarrow(table.order_by(*contract.key, *rest))


def assert_equal(ours: pa.Table, theirs: pa.Table, name: str) -> None:
    """Columns, types and rows are the same."""
    assert ours.schema.equals(theirs.schema), (name, ours.schema, theirs.schema)
    assert len(ours) == len(theirs), (name, len(ours), len(theirs))
    for column in ours.column_names:
        mine, other = ours[column], theirs[column]
        if not pa.types.is_floating(mine.type):
            assert mine.equals(other), (name, column)
            continue
        assert pc.is_null(mine).equals(pc.is_null(other)), (name, column)
        a, b = (pc.fill_null(values, 0.0).to_numpy() for values in (mine, other))
        off = ~np.isclose(a, b, rtol=RELATIVE, atol=0.0, equal_nan=True)
        assert not off.any(), (name, column, a[off][:3], b[off][:3])
