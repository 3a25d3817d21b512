from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.inference.tree_tables import parts_of, shapley
from churn_mlops.training.boosted_trees import trees_of
from tests.grown import grown


def by_definition(value, ratios, fulfilled):
    """Shapley values by the sum over all coalitions."""
    m = len(ratios)

    def worth(members):
        terms = [fulfilled[j] if j in members else ratios[j] for j in range(m)]
        return value * np.prod(terms)

    found = np.zeros(m)
    for i in range(m):
        others = [j for j in range(m) if j != i]
        for size in range(m):
            weight = factorial(size) * factorial(m - size - 1) / factorial(m)
            for members in combinations(others, size):
                found[i] += weight * (worth({*members, i}) - worth(set(members)))
    return found


@given(
    st.floats(-3, 3),
    st.lists(st.floats(0.01, 1.0), min_size=1, max_size=6),
    st.integers(0, 63),
)
def test_the_integral_is_the_sum_over_coalitions(value, ratios, pattern):
    pattern %= 1 << len(ratios)
    fulfilled = [(pattern >> j) & 1 for j in range(len(ratios))]
    found = shapley(value, np.array(ratios))[:, pattern]
    assert found == pytest.approx(by_definition(value, ratios, fulfilled), abs=1e-12)


def test_the_values_of_a_leaf_add_up():
    ratios = np.array([0.5, 0.25, 0.9])
    found = shapley(2.0, ratios)
    assert found[:, 0b111].sum() == pytest.approx(2.0 * (1 - ratios.prod()))
    assert found[:, 0b011].sum() == pytest.approx(-2.0 * ratios.prod())


def test_the_parts_hold_every_leaf_once():
    trees = trees_of(grown(1, leaves=31, depth=12)[0].dump_model())
    for root, parts in zip(trees.roots, parts_of(trees), strict=True):
        splits = {node for part in parts for bit in part.bits for node, _ in bit}
        below = [root]
        for node in below:
            if trees.feature[node] >= 0:
                below += [trees.left[node], trees.right[node]]
        assert splits == {node for node in below if trees.feature[node] >= 0}
        for part in parts:
            assert part.table.shape == (len(part.features), 1 << len(part.bits))
