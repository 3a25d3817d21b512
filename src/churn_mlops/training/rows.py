"""Reads the rows of some days of training_dataset into memory, column by column."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from churn_mlops.engine import Engine
from churn_mlops.files import file_digest
from churn_mlops.params import Params
from churn_mlops.tables.batches import batches
from churn_mlops.training.split import sampled_rows

BATCH_ROWS = 100_000


@dataclass(frozen=True)
class Rows:
    """Raw feature columns, labels, days and users of the same rows, in the order of the key."""

    columns: Mapping[str, np.ndarray]
    labels: np.ndarray
    days: np.ndarray
    users: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def of_days(self, first: date) -> Rows:
        """Keep the rows from a day on."""
        return self.where(self.days >= np.datetime64(first))

    def where(self, keep: np.ndarray) -> Rows:
        """Keep the rows that are marked in a mask, or named by number."""
        columns = {name: values[keep] for name, values in self.columns.items()}
        return Rows(columns, self.labels[keep], self.days[keep], self.users[keep])


def held(con: Engine, table: ir.Table, params: Params) -> ir.Table:
    """Keep a CSV table in the engine, which may spill it to disk, instead of parsing it thrice."""
    if params.tables.format == "csv" and con.name == "duckdb":
        return con.create_table("held_training_dataset", table, temp=True)
    return table


def rows_per_day(table: ir.Table) -> dict[date, int]:
    """Count the rows of each day."""
    counts = table.group_by("as_of_date").agg(n=table.count()).to_pyarrow()
    return dict(zip(counts["as_of_date"].to_pylist(), counts["n"].to_pylist(), strict=True))


def read_rows(
    con: Engine, table: ir.Table, features: Sequence[str], days: Sequence[date], params: Params
) -> Rows:
    """Read the rows of some days; of a day larger than ``training.max_rows``, a sample of users.

    Parameters
    ----------
    con : Engine
    table : ibis Table
        training_dataset.
    features : sequence of str
    days : sequence of date
    params : Params
    """
    wanted = table.filter(table.as_of_date.isin(list(days))).select(
        "user_id", "as_of_date", *features, "churn_label"
    )
    count = int(wanted.count().to_pyarrow().as_py())
    keep = sampled_rows(count, params.training.max_rows, params.training.seed)
    # Sorted, so that sums over rows do not depend on the order in which threads deliver them.
    reader = batches(con, wanted.order_by("as_of_date", "user_id"), BATCH_ROWS)
    kept, at = [], 0
    for batch in reader:
        size = batch.num_rows
        kept.append(batch if keep is None else batch.filter(pa.array(keep[at : at + size])))
        at += size
    arrow = pa.Table.from_batches(kept, schema=reader.schema)
    return Rows(
        {name: arrow[name].to_numpy() for name in features},
        arrow["churn_label"].to_numpy(),
        arrow["as_of_date"].to_numpy().astype("datetime64[D]"),
        arrow["user_id"].to_numpy(),
    )


def table_digest(path: Path) -> str:
    """SHA-256 of a table's file, or of its part files' names and digests."""
    if path.is_dir():
        lines = (f"{file_digest(part)}  {part.name}\n" for part in sorted(path.iterdir()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    return file_digest(path)
