"""A batch as an Arrow stream: columns in, columns out, nothing copied row by row."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from churn_mlops.api.intake import LARGEST
from churn_mlops.api.predict import missing
from churn_mlops.api.problems import ProblemError
from churn_mlops.api.schemas import Mistake
from churn_mlops.api.served import Served
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
    columns, mistakes = _columns(served, table)
    if mistakes:
        unknown = any("no such feature" in mistake.message for mistake in mistakes)
        kind = "unknown-feature" if unknown else "invalid-request"
        raise ProblemError.of(kind, f"the table has {len(mistakes)} mistakes", mistakes)
    imputed, beyond, unseen = _odd(served, columns, set(table.column_names))
    if strict and imputed:
        raise missing(list(imputed), "columns")
    risks = served.score_columns(columns)
    return ArrowAnswer(_write(served, table, risks), risks, imputed, beyond, unseen)


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


def _columns(served: Served, table: Any) -> tuple[dict[str, np.ndarray], list[Mistake]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    mistakes: list[Mistake] = []
    names = table.column_names
    for name in sorted({name for name in names if names.count(name) > 1}):
        mistakes.append(Mistake(where=f"columns.{name[:256]}", message="stands there twice"))
    for name in names:
        if name not in served.names and name not in ("user_id", "snapshot_date"):
            text = f"the model has no such feature{nearest(name, served.names)}"
            mistakes.append(Mistake(where=f"columns.{name[:256]}", message=text))
    columns: dict[str, np.ndarray] = {}
    if mistakes:
        return columns, mistakes
    empty = np.full(table.num_rows, np.nan)
    for feature in served.bundle.meta.features:
        if feature.name not in names:
            nobody = np.full(table.num_rows, None, dtype=object)
            columns[feature.name] = empty if feature.kind == "numeric" else nobody
            continue
        column = table[feature.name]
        kind = column.type
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)
            kind = column.type
        where = f"columns.{feature.name}"
        if pa.types.is_null(kind):
            nobody = np.full(table.num_rows, None, dtype=object)
            columns[feature.name] = empty if feature.kind == "numeric" else nobody
        elif feature.kind == "categorical":
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                mistakes.append(Mistake(where=where, message=f"must be text, not {kind}"))
                continue
            columns[feature.name] = column.to_numpy()
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            mistakes.append(Mistake(where=where, message=f"must be numbers, not {kind}"))
        else:
            numbers = column.cast(pa.float64(), safe=False)
            values = numbers.to_numpy()
            # Null is missing; a NaN that is none came out of a calculation that went wrong.
            bad = np.isnan(values) & ~pc.is_null(numbers).to_numpy()
            bad |= np.abs(np.nan_to_num(values, posinf=np.inf, neginf=np.inf)) > LARGEST
            if feature.type.startswith("int"):
                bad |= np.floor(np.nan_to_num(values)) != np.nan_to_num(values)
            if bad.any():
                row = int(np.argmax(bad))
                text = f"row {row}: must be null or a finite {_noun(feature.type)}"
                mistakes.append(Mistake(where=where, message=text))
            columns[feature.name] = values
    return columns, mistakes


def _noun(kind: str) -> str:
    return "whole number" if kind.startswith("int") else "number that fits into 32 bits"


def _odd(
    served: Served, columns: Mapping[str, np.ndarray], given: set[str]
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Count per feature the values that are imputed, out of range, unseen."""
    imputed: dict[str, int] = {}
    beyond: dict[str, int] = {}
    unseen: dict[str, int] = {}
    rows = len(next(iter(columns.values())))
    for name, low, high, always in served.ranges:
        values = columns[name]
        gaps = rows if name not in given else int(np.isnan(values).sum()) if always else 0
        if gaps:
            imputed[name] = gaps
        odd = int(np.count_nonzero((values < low) | (values > high)))
        if odd:
            beyond[name] = odd
    for name, known in served.categories:
        if name not in given:
            imputed[name] = rows
            continue
        found, counts = _counted(columns[name])
        odd = sum(n for value, n in zip(found, counts, strict=True) if value not in known)
        if odd:
            unseen[name] = odd
    return imputed, beyond, unseen


def _counted(values: np.ndarray) -> tuple[list[Any], list[int]]:
    from collections import Counter

    counts = Counter(values.tolist())
    return list(counts), list(counts.values())


def _write(served: Served, table: Any, risks: list[float]) -> bytes:
    import pyarrow as pa

    made: dict[str, Any] = {}
    if "user_id" in table.column_names:
        made["user_id"] = table["user_id"]
    made["churn_risk"] = pa.array(risks)
    made["decision"] = pa.array([served.decide(risk) for risk in risks]).dictionary_encode()
    answer = pa.table(made).replace_schema_metadata(
        {"model_version": served.version, "threshold": repr(served.threshold)}
    )
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, answer.schema) as writer:
        writer.write_table(answer)
    return sink.getvalue()
