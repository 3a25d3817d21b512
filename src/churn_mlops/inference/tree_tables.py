"""Precomputed Shapley values of parts of trees, for every way in which a row can pass them.

A leaf that is reached over m different features is a game of m players. With o_j = 1 when the row
fulfils all conditions on feature j on the way, and z_j the product of the cover ratios at them,
the coalition S is worth v(S) = value * prod_{j in S} o_j * prod_{j not in S} z_j (Lundberg et al.
2020, algorithm 1). Its Shapley values follow from the multilinear extension (Owen 1972):

    phi_i = value * (o_i - z_i) * integral_0^1 prod_{j != i} (t o_j + (1 - t) z_j) dt

a polynomial of degree m - 1, which Gauss-Legendre quadrature with ceil(m / 2) points integrates
exactly. They depend on the row by the m bits o only, so they are tabulated, as in Fast TreeSHAP v2
(Yang 2021). Here one table serves all leaves of a part of a tree together: its index holds the
bits of the features on the way to the part, and the decisions at the part's nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from churn_mlops.registry.meta import Trees

# Bits of a table's index: the more, the fewer tables to look up, and the larger they are.
INDEX_BITS = 11

# A condition that a row fulfils or not: a node, and whether the way goes left there.
Literal = tuple[int, bool]


@dataclass(frozen=True)
class Part:
    """A part of a tree with its table.

    Parameters
    ----------
    bits : tuple of tuple of (node, left)
        Per bit of the index, the lowest first: it is 1 when all of these hold.
    features : array of int, shape (u,)
        Matrix columns that the part's leaves are reached over.
    table : array of float64, shape (u, 2 ** len(bits))
        What each of them adds, by index.
    """

    bits: tuple[tuple[Literal, ...], ...]
    features: np.ndarray
    table: np.ndarray


def parts_of(trees: Trees) -> Iterator[list[Part]]:
    """Yield the parts of each tree; a tree of one leaf has none."""
    inner = _inner_counts(trees)
    for root in trees.roots:
        yield list(_cut(trees, inner, root, []))


def _inner_counts(trees: Trees) -> np.ndarray:
    """Number of splits at and below each node; children stand after their parents."""
    counts = np.zeros(len(trees.feature), dtype=np.int64)
    for node in range(len(counts) - 1, -1, -1):
        if trees.feature[node] >= 0:
            counts[node] = 1 + counts[trees.left[node]] + counts[trees.right[node]]
    return counts


def _cut(trees: Trees, inner: np.ndarray, node: int, way: list[Literal]) -> Iterator[Part]:
    """Cut the tree below a node, which is reached over `way`, into parts."""
    known = {trees.feature[split] for split, _ in way}
    if trees.feature[node] < 0 and not way:
        return
    if len(known) + inner[node] <= INDEX_BITS or trees.feature[node] < 0:
        yield _part(trees, node, way)
        return
    yield from _cut(trees, inner, trees.left[node], [*way, (node, True)])
    yield from _cut(trees, inner, trees.right[node], [*way, (node, False)])


def _part(trees: Trees, node: int, way: list[Literal]) -> Part:
    on_the_way: dict[int, list[Literal]] = {}
    for split, left in way:
        on_the_way.setdefault(trees.feature[split], []).append((split, left))
    leaves = list(_leaves(trees, node, []))
    splits = sorted({split for _, below in leaves for split, _ in below})
    bits = [tuple(literals) for literals in on_the_way.values()]
    place = {split: len(bits) + i for i, split in enumerate(splits)}
    bits += [((split, True),) for split in splits]
    features = sorted({*on_the_way, *(trees.feature[split] for split in splits)})
    index = np.arange(1 << len(bits))
    table = np.zeros((len(features), len(index)))
    for leaf, below in leaves:
        held: dict[int, np.ndarray] = {
            feature: (index >> i) & 1 for i, feature in enumerate(on_the_way)
        }
        ratio = {feature: _ratio(trees, literals) for feature, literals in on_the_way.items()}
        for split, left in below:
            feature = trees.feature[split]
            decided = ((index >> place[split]) & 1) ^ (0 if left else 1)
            held[feature] = held[feature] & decided if feature in held else decided
            ratio[feature] = ratio.get(feature, 1.0) * _ratio(trees, [(split, left)])
        pattern = np.zeros_like(index)
        for i, feature in enumerate(held):
            pattern |= held[feature] << i
        shares = shapley(trees.value[leaf], np.array([ratio[feature] for feature in held]))
        for i, feature in enumerate(held):
            table[features.index(feature)] += shares[i][pattern]
    return Part(tuple(bits), np.array(features), table)


def _leaves(trees: Trees, node: int, below: list[Literal]) -> Iterator[tuple[int, list[Literal]]]:
    if trees.feature[node] < 0:
        yield node, below
        return
    yield from _leaves(trees, trees.left[node], [*below, (node, True)])
    yield from _leaves(trees, trees.right[node], [*below, (node, False)])


def _ratio(trees: Trees, literals: list[Literal]) -> float:
    ratio = 1.0
    for split, left in literals:
        child = trees.left[split] if left else trees.right[split]
        ratio *= trees.cover[child] / trees.cover[split]
    return ratio


def shapley(value: float, ratios: np.ndarray) -> np.ndarray:
    """Shapley values of one leaf, for every pattern of fulfilled conditions.

    Parameters
    ----------
    value : float
        What the leaf adds.
    ratios : array of float, shape (m,)
        z of each feature.

    Returns
    -------
    array of float64, shape (m, 2 ** m)
        Bit j of the pattern is o_j.
    """
    m = len(ratios)
    points, weights = _quadrature((m + 1) // 2)
    fulfilled = ((np.arange(1 << m)[None, :] >> np.arange(m)[:, None]) & 1).astype(np.float64)
    factors = (
        points[:, None, None] * fulfilled + (1 - points)[:, None, None] * ratios[None, :, None]
    )
    # No factor is 0: the points lie inside of (0, 1), and every node has been passed by a row.
    others = factors.prod(axis=1, keepdims=True) / factors
    integral = np.tensordot(weights, others, 1)
    return np.asarray(value * (fulfilled - ratios[:, None]) * integral)


@cache
def _quadrature(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of Gauss and Legendre on [0, 1]; a model asks for few counts, often."""
    points, weights = np.polynomial.legendre.leggauss(count)
    return (points + 1) / 2, weights / 2
