"""A batch as an Arrow stream: columns in, columns out, nothing copied row by row."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from churn_mlops.api import arrow_arrays
from churn_mlops.api.intake import LARGEST, LISTED_MISTAKES, LONGEST_TEXT
from churn_mlops.api.predict import missing
from churn_mlops.api.problems import ProblemError
from churn_mlops.api.schemas import Mistake
from churn_mlops.api.served import Served
from churn_mlops.inference.decision import CONTACT, NONE
from churn_mlops.params.rules import nearest


@dataclass(frozen=True)
class ArrowAnswer:
    """An answered stream, and how many values of each feature were odd.

    Parameters
    ----------
    body : bytes
    risks : list of float
    imputed, out_of_range, unseen : mapping of str to int
    """

    body: bytes
    risks: list[float]
    imputed: Mapping[str, int]
    out_of_range: Mapping[str, int]
    unseen: Mapping[str, int]


def score_stream(served: Served, body: bytes, strict: bool, most: int) -> ArrowAnswer:
    """Score the rows of an Arrow IPC stream.

    Parameters
    ----------
    served : Served
    body : bytes
        Columns: ``user_id`` if wanted back, and the features; absent ones and nulls are missing.
    strict : bool
        Whether imputed values are a mistake.
    most : int
        Rows.

    Returns
    -------
    ArrowAnswer
        Its body has user_id (when given), churn_risk and decision; the schema's metadata have
        model_version and threshold.

    Raises
    ------
    ProblemError
        It is no Arrow stream, too long, or its columns are not the model's.
    """
    table = _read(body, most)
    mistakes = _names(served, table)
    if mistakes:
        unknown = any("no such feature" in mistake.message for mistake in mistakes)
        raise _refused("unknown-feature" if unknown else "invalid-request", mistakes)
    numbers, mistakes = _numbers(served, table)
    cells, others = _cells(served, table)
    if mistakes or others:
        raise _refused("invalid-request", [*mistakes, *others])
    imputed, beyond, unseen = _odd(served, numbers, cells, set(table.column_names))
    if strict and imputed:
        raise missing(list(imputed), "columns")
    risks = served.risks(served.bundle.meta.encoding.matrix_of(numbers, cells))
    return ArrowAnswer(_write(served, table, risks), risks, imputed, beyond, unseen)


def _refused(kind: str, mistakes: list[Mistake]) -> ProblemError:
    words = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return ProblemError.of(kind, f"the table has {words}", mistakes[:LISTED_MISTAKES])


def _read(body: bytes, most: int) -> Any:
    import pyarrow as pa

    try:
        with pa.ipc.open_stream(pa.BufferReader(body)) as reader:
            batches, rows = [], 0
            for batch in reader:
                batch.validate(full=True)
                rows += batch.num_rows
                if rows > most:
                    raise ProblemError.of("too-large", f"a batch may have {most:,} rows")
                batches.append(batch)
            table = pa.Table.from_batches(batches, reader.schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ProblemError.of(
            "invalid-arrow", f"the body is no Arrow IPC stream: {reason[:200]}"
        ) from None
    if table.num_rows == 0:
        raise ProblemError.of("invalid-request", "the stream has no rows")
    return table


def _names(served: Served, table: Any) -> list[Mistake]:
    """Columns that stand there twice or that the model does not know."""
    names = table.column_names
    known = {*served.names, "user_id", "snapshot_date"}
    twice = sorted({name for name in names if names.count(name) > 1})
    mistakes = [_at(name, "stands there twice") for name in twice]
    return mistakes + [
        _at(name, f"the model has no such feature{nearest(name, served.names)}")
        for name in names
        if name not in known
    ]


def _numbers(served: Served, table: Any) -> tuple[np.ndarray, list[Mistake]]:
    """The numeric features, float64 of shape (n, number of them), and what is wrong with them."""
    import pyarrow as pa

    numbers = np.full((table.num_rows, len(served.numeric)), np.nan)
    mistakes: list[Mistake] = []
    nulls = np.full(len(served.numeric), table.num_rows)
    names = set(table.column_names)
    for place, name in enumerate(served.numeric):
        if name not in names:
            continue
        column = _plain(table[name])
        kind = column.type
        if pa.types.is_null(kind):
            continue
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            mistakes.append(_at(name, f"must be numbers, not {kind}"))
            continue
        numbers[:, place] = arrow_arrays.floats(column)
        nulls[place] = column.null_count
    # Null is missing; a NaN that is none came out of a calculation that went wrong.
    lost = np.count_nonzero(np.isnan(numbers), axis=0) != nulls
    with np.errstate(invalid="ignore"):
        bad = np.abs(numbers) > LARGEST
        whole = served.whole
        bad[:, whole] |= numbers[:, whole] % 1 > 0
    for place in np.flatnonzero(lost | bad.any(axis=0)).tolist():
        name = served.numeric[place]
        if lost[place]:
            missing_here = np.array(table[name].is_null().to_pylist())
            bad[:, place] |= np.isnan(numbers[:, place]) & ~missing_here
        row = int(np.argmax(bad[:, place]))
        noun = "whole number" if place in whole else "number that fits into 32 bits"
        mistakes.append(_at(name, f"row {row}: must be null or a finite {noun}"))
    return numbers, mistakes


def _cells(served: Served, table: Any) -> tuple[list[list[object]], list[Mistake]]:
    """The categorical features, and what is wrong with them."""
    import pyarrow as pa

    nobody: list[object] = [None] * table.num_rows
    cells: list[list[object]] = []
    mistakes: list[Mistake] = []
    for name, _ in served.categories:
        column = _plain(table[name]) if name in table.column_names else None
        if column is None or pa.types.is_null(column.type):
            cells.append(nobody)
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            cells.append(column.to_pylist())
        else:
            mistakes.append(_at(name, f"must be text, not {column.type}"))
    return cells, mistakes


def _plain(column: Any) -> Any:
    import pyarrow as pa

    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _at(name: str, text: str) -> Mistake:
    return Mistake(where=f"columns.{name[:LONGEST_TEXT]}", message=text)


def _odd(
    served: Served, numbers: np.ndarray, cells: list[list[object]], given: set[str]
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Count per feature the values that are imputed, out of range, unseen."""
    rows = len(numbers)
    gaps = np.count_nonzero(np.isnan(numbers), axis=0)
    beyond = np.count_nonzero((numbers < served.low) | (numbers > served.high), axis=0)
    imputed = {
        name: int(gaps[place])
        for place, name in enumerate(served.numeric)
        if name not in given or (served.always[place] and gaps[place])
    }
    outside = {served.numeric[place]: int(beyond[place]) for place in np.flatnonzero(beyond)}
    unseen: dict[str, int] = {}
    for (name, known), column in zip(served.categories, cells, strict=True):
        if name not in given:
            imputed[name] = rows
        elif odd := sum(cell not in known for cell in column):
            unseen[name] = odd
    return imputed, outside, unseen


def _write(served: Served, table: Any, risks: list[float]) -> bytes:
    import pyarrow as pa

    made: dict[str, Any] = {}
    if "user_id" in table.column_names:
        made["user_id"] = table["user_id"]
    found = np.array(risks)
    made["churn_risk"] = arrow_arrays.numbers(pa.float64(), found)
    contact = arrow_arrays.numbers(pa.int8(), (found >= served.threshold).astype(np.int8))
    made["decision"] = pa.DictionaryArray.from_arrays(contact, arrow_arrays.texts([NONE, CONTACT]))
    metadata = {"model_version": served.version, "threshold": repr(served.threshold)}
    answer = pa.Table.from_arrays(list(made.values()), list(made), metadata=metadata)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, answer.schema) as writer:
        writer.write_table(answer)
    return sink.getvalue()
