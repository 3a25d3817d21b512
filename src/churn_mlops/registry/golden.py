"""Golden rows: inputs, plain and odd, whose risks a loaded model must reproduce."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from churn_mlops.registry.encoding import Columns, Encoding

PLAIN_ROWS = 24

Row = dict[str, Any]


def golden_rows(
    columns: Columns, risks: np.ndarray, encoding: Encoding, score: Callable[[Row], float]
) -> list[dict[str, Any]]:
    """Choose rows from low to high risk and add odd ones.

    The odd ones are: everything missing, each feature of a row missing in turn, each category
    unseen in turn, and all numbers far beyond what training has seen.

    Parameters
    ----------
    columns : mapping of str to array, each of shape (n,)
        Raw feature values of rows, such as the test rows.
    risks : array of float, shape (n,)
        Their predicted risks.
    encoding : Encoding
    score : callable
        Risk of one row.

    Returns
    -------
    list of dict
        Each with ``row`` and ``churn_risk``.
    """
    order = np.argsort(risks, kind="stable")
    picked = order[np.linspace(0, len(order) - 1, PLAIN_ROWS).round().astype(int)]
    rows = [{name: plain(columns[name][i]) for name in encoding.names} for i in picked]
    middle = rows[PLAIN_ROWS // 2]
    rows.append(dict.fromkeys(encoding.names))
    rows += [{**middle, name: None} for name in encoding.names]
    rows += [{**middle, c.name: "\u2603 never seen"} for c in encoding.categorical]
    for sign in (-1.0, 1.0):
        rows.append({**middle, **{n.name: sign * 1e12 for n in encoding.numeric}})
    return [{"row": row, "churn_risk": score(row)} for row in rows]


def plain(value: Any) -> float | int | str | None:
    """Turn a cell into what JSON can hold; a missing one into None."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, str):
        return value
    number = float(value)
    if not np.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
