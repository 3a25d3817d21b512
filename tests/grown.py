"""Small real LightGBM models, and the plain way to walk their trees."""

from __future__ import annotations

import functools

import lightgbm
import numpy as np

from churn_mlops.registry.meta import Trees


@functools.cache
def grown(
    seed: int, rounds: int = 12, leaves: int = 12, depth: int = 6, gaps: bool = True
) -> tuple[lightgbm.Booster, np.ndarray]:
    """A model on 7 columns, the last one with categories, and its training matrix."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(1_500, 7)).astype(np.float32)
    matrix[:, -1] = rng.integers(0, 5, len(matrix))
    if gaps:
        matrix[rng.random(matrix.shape) < 0.1] = np.nan
    known = np.nan_to_num(matrix)
    signal = known[:, 0] + known[:, 1] * known[:, 2] + 2 * (known[:, -1] == 3)
    labels = (signal + rng.normal(size=len(matrix)) > 0.5).astype(int)
    options = {
        "objective": "binary",
        "num_leaves": leaves,
        "max_depth": depth,
        "min_data_in_leaf": 10,
        "min_data_per_group": 1,
        "max_cat_to_onehot": 1_000,
        "cat_smooth": 1.0,
        "verbosity": -1,
        "num_threads": 1,
        "seed": seed,
    }
    data = lightgbm.Dataset(matrix, labels, categorical_feature=[6])
    return lightgbm.train(options, data, rounds), matrix


def raw_score(trees: Trees, matrix: np.ndarray) -> np.ndarray:
    """Sum of the leaves that each row falls in, node by node."""
    scores = np.zeros(len(matrix))
    for i, row in enumerate(matrix):
        for root in trees.roots:
            node = root
            while trees.feature[node] >= 0:
                value, threshold = row[trees.feature[node]], np.float32(trees.threshold[node])
                if np.isnan(value):
                    left = trees.missing_left[node]
                else:
                    left = value == threshold if trees.categorical[node] else value <= threshold
                node = trees.left[node] if left else trees.right[node]
            scores[i] += trees.value[node]
    return scores
