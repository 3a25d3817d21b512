"""The drift reference: what inputs and risks looked like on the last training days."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from churn_mlops.registry.encoding import Columns, Encoding

QUANTILES = (0.0, 0.01, 0.05, *(n / 10 for n in range(1, 10)), 0.95, 0.99, 1.0)
# A number that so many rows share is kept by itself: quantiles hide how many users have 0 logins.
ATOM_SHARE = 0.02
MAXIMUM_ATOMS = 20


def reference_profile(
    columns: Columns, encoding: Encoding, risks: np.ndarray, days: tuple[str, str]
) -> dict[str, Any]:
    """Describe rows at scoring grain: eligible users, each on one day.

    Parameters
    ----------
    columns : mapping of str to array, each of shape (n,)
        Raw feature values.
    encoding : Encoding
    risks : array of float, shape (n,)
        Predicted risks of the rows.
    days : tuple of two str
        First and last day of the rows.

    Returns
    -------
    dict
        ``rows``, ``first_day``, ``last_day``; per numeric feature ``missing_share``, ``mean``,
        ``std``, ``quantiles`` (at `QUANTILES`) and ``atoms`` (value and share); per categorical
        feature ``missing_share`` and ``shares`` by category; ``risk`` like a numeric feature.
    """
    return {
        "rows": len(risks),
        "first_day": days[0],
        "last_day": days[1],
        "quantiles_at": list(QUANTILES),
        "numeric": {n.name: _numeric(columns[n.name]) for n in encoding.numeric},
        "categorical": {c.name: _categorical(columns[c.name]) for c in encoding.categorical},
        "risk": _numeric(risks),
    }


def _numeric(values: np.ndarray) -> dict[str, Any]:
    numbers = np.asarray(values, dtype=np.float64)
    known = np.sort(numbers[np.isfinite(numbers)])
    missing = 1 - len(known) / max(len(numbers), 1)
    if len(known) == 0:
        return {"missing_share": missing, "mean": None, "std": None, "quantiles": [], "atoms": []}
    unique, counts = np.unique(known, return_counts=True)
    shares = counts / len(numbers)
    often = np.argsort(-shares, kind="stable")[:MAXIMUM_ATOMS]
    atoms = [[float(unique[i]), float(shares[i])] for i in often if shares[i] >= ATOM_SHARE]
    return {
        "missing_share": missing,
        "mean": float(np.mean(known)),
        "std": float(np.std(known)),
        "quantiles": np.quantile(known, QUANTILES).tolist(),
        "atoms": sorted(atoms),
    }


def _categorical(values: np.ndarray) -> dict[str, Any]:
    cells = values.tolist()
    counts = Counter(cell for cell in cells if isinstance(cell, str))
    total = max(len(cells), 1)
    return {
        "missing_share": 1 - counts.total() / total,
        "shares": {name: count / total for name, count in sorted(counts.items())},
    }
