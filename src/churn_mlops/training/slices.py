"""Metrics for groups of users: by each categorical attribute, and by tenure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from churn_mlops.params import Params
from churn_mlops.registry.encoding import MISSING, Columns
from churn_mlops.training.evaluate import calibration_error

Slice = tuple[str, str, np.ndarray]
# A ranking metric of fewer users of either kind says more about them than about the model.
MINIMUM_OF_A_KIND = 10


def slices(columns: Columns, labels: np.ndarray, params: Params) -> Iterator[Slice]:
    """Yield attribute, value and a mask of shape (n,) for each group that is large enough.

    Groups come from ``evaluation.slices`` (null: all categorical ``features.static``) and from
    ``days_since_signup``, cut at ``evaluation.tenure_days``.
    """
    for by, value, mask in _groups(columns, params):
        churned = int(labels[mask].sum())
        stayed = int(mask.sum()) - churned
        enough = mask.sum() >= params.evaluation.minimum_slice_rows
        if enough and min(churned, stayed) >= MINIMUM_OF_A_KIND:
            yield by, value, mask


def _groups(columns: Columns, params: Params) -> Iterator[Slice]:
    wanted = params.evaluation.slices
    if wanted is None:
        static = params.features.static
        wanted = tuple(name for name, kind in static.items() if kind == "categorical")
    for by in wanted:
        values = np.array(
            [v if isinstance(v, str) else MISSING for v in columns[by].tolist()], dtype=object
        )
        for value in sorted(set(values.tolist())):
            yield by, value, values == value
    tenure = np.asarray(columns["days_since_signup"], dtype=np.float64)
    for first, last in pairwise((0, *sorted(params.evaluation.tenure_days), None)):
        assert first is not None
        until = np.inf if last is None else last
        name = f"{first} days or more" if last is None else f"{first} to {last - 1} days"
        yield "tenure", name, (tenure >= first) & (tenure < until)


def slice_metrics(
    columns: Columns, labels: np.ndarray, risks: np.ndarray, users: np.ndarray, params: Params
) -> list[dict[str, Any]]:
    """Describe each group.

    Returns
    -------
    list of dict
        ``by``, ``value``, ``rows``, ``users``, ``base_rate``, ``mean_risk``, ``pr_auc``,
        ``roc_auc``, ``ece``.
    """
    from sklearn import metrics

    return [
        {
            "by": by,
            "value": value,
            "rows": int(mask.sum()),
            "users": len(np.unique(users[mask])),
            "base_rate": float(labels[mask].mean()),
            "mean_risk": float(risks[mask].mean()),
            "pr_auc": float(metrics.average_precision_score(labels[mask], risks[mask])),
            "roc_auc": float(metrics.roc_auc_score(labels[mask], risks[mask])),
            "ece": calibration_error(labels[mask], risks[mask]),
        }
        for by, value, mask in slices(columns, labels, params)
    ]
