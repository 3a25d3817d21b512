"""A file of the prediction log: its columns, and how it comes into its folder and leaves it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from churn_mlops.api import arrow_arrays
from churn_mlops.api.arrow_arrays import texts
from churn_mlops.api.served import Row, Served

# What a writer that has ended left behind unfinished is deleted after this time.
LEFT_OVER_SECONDS = 3_600.0
_NAMES = "predictions-*.parquet"
_EPOCH = date(1970, 1, 1).toordinal()


class Logged(NamedTuple):
    """A prediction as it is logged.

    Parameters
    ----------
    served : Served
    request_id : str
    asked_at : float
        Seconds since 1970, UTC.
    user_id : int or str
    snapshot_date : date or None
    churn_risk : float
    features : mapping
        As they were given; those left out are missing.
    """

    served: Served
    request_id: str
    asked_at: float
    user_id: int | str
    snapshot_date: date | None
    churn_risk: float
    features: Row


def table_of(rows: Sequence[Logged]) -> Any:
    """Rows of one model as an Arrow table, with a column for each feature.

    Numbers are float64, also those of whole-number features: what was asked is kept as it was,
    and requests may go beyond the range of the type. What is missing is null.

    Parameters
    ----------
    rows : sequence of Logged
        At least one; all by the same model.
    """
    import pyarrow as pa

    served = rows[0].served
    given = [row.features for row in rows]
    encoding = served.bundle.meta.encoding
    numbers = encoding.numbers(given).T
    places = {numeric.name: place for place, numeric in enumerate(encoding.numeric)}
    asked_at = np.array([row.asked_at * 1000 for row in rows]).astype(np.int64)
    days = [row.snapshot_date for row in rows]
    known = np.array([day is not None for day in days])
    columns = {
        "request_id": texts([row.request_id for row in rows]),
        "asked_at": arrow_arrays.numbers(pa.timestamp("ms", "UTC"), asked_at),
        "user_id": texts([str(row.user_id) for row in rows]),
        "snapshot_date": arrow_arrays.numbers(
            pa.date32(),
            np.array([day.toordinal() - _EPOCH if day else 0 for day in days], np.int32),
            known,
        ),
        "churn_risk": arrow_arrays.numbers(
            pa.float64(), np.array([row.churn_risk for row in rows])
        ),
        "model_version": texts([served.version] * len(rows)),
    }
    for name in served.names:
        if name in places:
            values = np.ascontiguousarray(numbers[places[name]])
            columns[name] = arrow_arrays.numbers(pa.float64(), values, ~np.isnan(values))
        else:
            columns[name] = texts([features.get(name) for features in given])
    schema = pa.schema(
        [pa.field(name, column.type) for name, column in columns.items()],
        metadata={"model_version": served.version, "digest": served.bundle.digest},
    )
    return pa.Table.from_arrays(list(columns.values()), schema=schema)


def write(tables: Sequence[Any], folder: Path, worker: str, number: int) -> Path:
    """Write tables of one model as a file: whole, or not at all.

    Parameters
    ----------
    tables : sequence of pyarrow Table
    folder : Path
        Made if there is none.
    worker : str
        Whoever writes; no other writer of the folder may have the same name.
    number : int
        Of the file, among those of the worker.

    Raises
    ------
    OSError, pyarrow.ArrowException
        There is no room, or the folder cannot be written to.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    now = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    path = folder / f"predictions-{stamp}-{worker}-{number:06d}.parquet"
    # Neither name nor ending is one that a reader of the folder looks for.
    beside = path.with_name(f".{path.name}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.concat_tables(tables).combine_chunks(), beside, compression="zstd")
        descriptor = os.open(beside, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    return path


def tidy(folder: Path, most: int) -> None:
    """Delete the oldest files beyond `most`, and what writers that have ended left unfinished.

    Parameters
    ----------
    folder : Path
    most : int
        Files that stay, whoever wrote them.

    Raises
    ------
    OSError
        A file cannot be deleted.
    """
    # Their names begin with the time.
    files = sorted(folder.glob(_NAMES), key=lambda path: path.name)
    for path in files[: max(0, len(files) - most)]:
        path.unlink(missing_ok=True)
    now = time.time()
    for path in folder.glob(f".{_NAMES}.part"):
        with contextlib.suppress(FileNotFoundError):
            if now - path.stat().st_mtime > LEFT_OVER_SECONDS:
                path.unlink()
