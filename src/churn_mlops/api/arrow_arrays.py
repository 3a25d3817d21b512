"""Between Arrow and numpy without pandas.

`pyarrow.array` and `to_numpy` import it where it is installed, which takes half a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def numbers(kind: Any, values: np.ndarray, known: np.ndarray | None = None) -> Any:
    """An array of fixed width.

    Parameters
    ----------
    kind : pyarrow.DataType
        As wide as the values' own.
    values : array, shape (n,)
    known : array of bool, shape (n,), optional
        False where it is null.
    """
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(values), [_bits(known), pa.py_buffer(values)])


def texts(values: Sequence[str | None]) -> Any:
    """An array of texts; None is null."""
    import pyarrow as pa

    encoded = [b"" if value is None else value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    known = np.array([value is not None for value in values])
    buffers = [_bits(known), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def floats(column: Any) -> np.ndarray:
    """The values of a column of numbers, float64 of shape (n,); nulls are NaN."""
    parts = [_filled(chunk) if chunk.null_count else chunk for chunk in column.chunks]
    values = [np.from_dlpack(part) for part in parts]
    return np.concatenate(values, dtype=np.float64) if values else np.empty(0)


def _filled(chunk: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    nothing = numbers(pa.float64(), np.array([np.nan]))[0]
    return pc.fill_null(chunk.cast(pa.float64(), safe=False), nothing)


def _bits(known: np.ndarray | None) -> Any:
    import pyarrow as pa

    if known is None or known.all():
        return None
    return pa.py_buffer(np.packbits(known, bitorder="little"))
