from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.inference.contributions import Contributions
from churn_mlops.registry.encoding import Categorical, Encoding, Numeric
from churn_mlops.registry.meta import Linear
from tests.made_up import features
from tests.trained import bundle, trained


def number(name):
    return Numeric(
        name=name,
        default=0.0,
        low=-9.0,
        high=9.0,
        seen_minimum=-9.0,
        seen_maximum=9.0,
        scale="linear",
        missing=True,
    )


# Columns: x, y, x=<missing>, y=<missing>, plan=a, plan=<missing>, plan=<other>
ENCODING = Encoding(
    style="linear",
    numeric=(number("x"), number("y")),
    categorical=(Categorical(name="plan", categories=("a",)),),
)
LINEAR = Linear(
    intercept=0.5,
    coefficients=(1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0),
    means=(0.5, 0.0, 0.1, 0.2, 0.25, 0.25, 0.5),
)


def test_a_linear_feature_adds_what_its_columns_add():
    parts = Contributions(LINEAR, ENCODING)
    columns = {
        "x": np.array([2.0, np.nan]),
        "y": np.array([1.0, 3.0]),
        "plan": np.array(["a", None], dtype=object),
    }
    matrix = ENCODING.encode(columns)
    assert parts.base == pytest.approx(0.5 + float(np.dot(LINEAR.coefficients, LINEAR.means)))
    found = parts.of_features(matrix)
    assert found.shape == (2, 3)
    # x: 1 (2 - 0.5) + 4 (0 - 0.1); y: 2 (1 - 0) + 8 (0 - 0.2); plan: 16 (.75) - 32/4 - 64/2
    assert found[0] == pytest.approx([1.1, 0.4, 12 - 8 - 32])
    assert found[1] == pytest.approx([-0.5 + 3.6, 6 - 1.6, -4 + 24 - 32])
    log_odds = LINEAR.intercept + matrix @ np.array(LINEAR.coefficients)
    np.testing.assert_allclose(parts.base + found.sum(axis=1), log_odds)


def rows_of(name):
    table, _ = features(trained()[0], users=40, days=3, seed=6)
    meta = bundle(name).meta
    columns = {feature: table[feature].to_numpy() for feature in meta.feature_names}
    return meta, meta.encoding.encode(columns)


def raw(meta, matrix):
    """Log-odds by the description alone."""
    if meta.linear is not None:
        return meta.linear.intercept + matrix.astype(float) @ np.array(meta.linear.coefficients)
    trees, found = meta.trees, []
    for row in matrix.astype(float):
        total = 0.0
        for node in trees.roots:
            while trees.feature[node] >= 0:
                x, limit = row[trees.feature[node]], trees.threshold[node]
                if np.isnan(x):
                    left = trees.missing_left[node]
                else:
                    left = x == limit if trees.categorical[node] else x <= limit
                node = (trees.left if left else trees.right)[node]
            total += trees.value[node]
        found.append(total)
    return np.array(found)


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_base_and_contributions_add_up_to_the_raw_score(name):
    meta, matrix = rows_of(name)
    parts = Contributions(meta.model, meta.encoding)
    expected = raw(meta, matrix)
    for found in (parts.of_columns(matrix), parts.of_features(matrix)):
        np.testing.assert_allclose(parts.base + found.sum(axis=1), expected, atol=1e-6)
    assert parts.of_features(matrix).shape == (len(matrix), len(meta.encoding.names))


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_one_row_is_explained_as_among_others(name):
    meta, matrix = rows_of(name)
    parts = Contributions(meta.model, meta.encoding)
    together = parts.of_features(matrix)
    for i in range(0, len(matrix), 13):
        np.testing.assert_allclose(parts.of_features(matrix[i : i + 1])[0], together[i], atol=1e-9)


def test_a_feature_that_no_tree_asks_for_adds_nothing():
    meta, matrix = rows_of("candidate")
    used = {feature for feature in meta.trees.feature if feature >= 0}
    unused = [i for i in range(meta.encoding.width) if i not in used]
    found = Contributions(meta.model, meta.encoding).of_columns(matrix)
    np.testing.assert_array_equal(found[:, unused], 0)
