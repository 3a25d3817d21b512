"""What each feature adds to a model's log-odds: exact, for linear models and for trees."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from churn_mlops.inference.tree_shap import of_trees
from churn_mlops.registry.encoding import Columns, Encoding
from churn_mlops.registry.meta import Linear, Trees

# Rows whose contributions make up the importance of the features.
IMPORTANCE_ROWS = 2_000


class Contributions:
    """Additive contributions of one model.

    For every row, `base` and the contributions of all features add up to the model's log-odds
    before calibration.

    - Linear: with coefficients b and training means m, feature f adds the sum of
      ``b_j (x_j - m_j)`` over its matrix columns j. For independent inputs these are the Shapley
      values (Lundberg & Lee 2017, corollary 1).
    - Trees: Shapley values of the path-dependent TreeSHAP (Lundberg et al. 2020, algorithm 2).

    Parameters
    ----------
    model : Linear or Trees
    encoding : Encoding
    """

    def __init__(self, model: Linear | Trees, encoding: Encoding) -> None:
        self._encoding = encoding
        self._linear = model if isinstance(model, Linear) else None
        self._trees = of_trees(model, encoding.width) if isinstance(model, Trees) else None

    @cached_property
    def base(self) -> float:
        """Log-odds of a user about whom nothing is known."""
        if self._linear is None:
            assert self._trees is not None
            return self._trees.base
        coefficients = np.array(self._linear.coefficients)
        return self._linear.intercept + float(np.array(self._linear.means) @ coefficients)

    def of_columns(self, matrix: np.ndarray) -> np.ndarray:
        """Contribution of each matrix column, float64 of shape (n, width)."""
        if self._trees is not None:
            many = self._trees.one if len(matrix) == 1 else self._trees.many
            return many(matrix)
        assert self._linear is not None
        coefficients = np.array(self._linear.coefficients)
        return np.asarray((matrix - np.array(self._linear.means)) * coefficients)

    def of_features(self, matrix: np.ndarray) -> np.ndarray:
        """Contribution of each feature, float64 of shape (n, features), as `Encoding.names`."""
        order, starts = self._columns_by_feature
        return np.asarray(np.add.reduceat(self.of_columns(matrix)[:, order], starts, axis=1))

    def importance(self, columns: Columns) -> dict[str, float]:
        """Mean size of each feature's contributions, as shares of their sum.

        Parameters
        ----------
        columns : mapping of str to array, each of shape (n,)
            Raw feature values; at most `IMPORTANCE_ROWS` evenly spaced rows are looked at.
        """
        rows = len(columns[self._encoding.names[0]])
        size = min(rows, IMPORTANCE_ROWS)
        picked = np.unique(np.linspace(0, rows - 1, size).round().astype(int))
        few = {name: columns[name][picked] for name in self._encoding.names}
        sizes = np.abs(self.of_features(self._encoding.encode(few))).mean(axis=0).tolist()
        total = sum(sizes) or 1.0
        return {n: s / total for n, s in zip(self._encoding.names, sizes, strict=True)}

    @cached_property
    def _columns_by_feature(self) -> tuple[np.ndarray, np.ndarray]:
        """Matrix columns sorted by feature, and where each feature's columns begin."""
        place = {name: i for i, name in enumerate(self._encoding.names)}
        owner = np.array([place[name] for _, name in self._encoding.matrix_columns])
        order = np.argsort(owner, kind="stable")
        return order, np.searchsorted(owner[order], np.arange(len(place)))
