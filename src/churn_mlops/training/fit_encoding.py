"""Learns from training rows how features enter the matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from churn_mlops.features.catalogue import Feature
from churn_mlops.registry.encoding import Categorical, Columns, Encoding, Numeric, Style

# Share of the training rows on either side that the linear style takes as outliers.
TAIL = 0.001
# A category with fewer training rows is treated as an unseen one, which so gets a weight.
MINIMUM_CATEGORY_ROWS = 20
MAXIMUM_CATEGORIES = 100


def fit_encoding(columns: Columns, features: Sequence[Feature], style: Style) -> Encoding:
    """Learn an encoding from the training rows.

    Parameters
    ----------
    columns : mapping of str to array, each of shape (n,)
        Raw values of all `features`; missing ones are NaN or None.
    features : sequence of Feature
        In the model's order.
    style : {"linear", "tree"}
        Which kind of model reads the matrix.
    """
    return Encoding(
        style=style,
        numeric=tuple(_numeric(columns[f.name], f) for f in features if f.kind == "numeric"),
        categorical=tuple(
            _categorical(columns[f.name], f.name) for f in features if f.kind == "categorical"
        ),
    )


def _numeric(values: np.ndarray, feature: Feature) -> Numeric:
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[np.isfinite(numbers)]
    if len(known) == 0:
        known = np.zeros(1)
    least, low, middle, high, most = np.quantile(known, [0, TAIL, 0.5, 1 - TAIL, 1])
    if low == high:
        low, high = least, most
    unbounded = feature.minimum is not None and feature.minimum >= 0 and feature.maximum is None
    return Numeric(
        name=feature.name,
        default=float(middle),
        low=float(max(low, 0.0)) if unbounded else float(low),
        high=float(max(high, 0.0)) if unbounded else float(high),
        seen_minimum=float(least),
        seen_maximum=float(most),
        scale="log" if unbounded else "linear",
        missing=bool(np.isnan(numbers).any()),
    )


def _categorical(values: np.ndarray, name: str) -> Categorical:
    counts = Counter(value for value in values.tolist() if isinstance(value, str))
    common = [v for v, n in counts.items() if n >= MINIMUM_CATEGORY_ROWS]
    by_size = sorted(common, key=lambda value: (-counts[value], value))
    return Categorical(name=name, categories=tuple(sorted(by_size[:MAXIMUM_CATEGORIES])))
