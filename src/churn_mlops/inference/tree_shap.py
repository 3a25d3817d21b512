"""Exact contributions of matrix columns to the raw score of boosted trees (TreeSHAP).

Path-dependent TreeSHAP (Lundberg et al. 2020, algorithm 2), equal to LightGBM's ``pred_contrib``;
how it is made fast stands in `churn_mlops.inference.tree_tables`.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from churn_mlops.inference.tree_tables import Part, parts_of
from churn_mlops.registry.meta import Trees

# Rows that are worked on at once: their indexes and sums stay in the processor's cache.
CHUNK_ROWS = 4_096


class TreeContributions:
    """Contributions of one ensemble; for every row they and `base` add up to its raw score.

    Parameters
    ----------
    trees : Trees
    width : int
        Matrix columns.
    """

    def __init__(self, trees: Trees, width: int) -> None:
        self._trees, self._width = trees, width

    @cached_property
    def base(self) -> float:
        """Mean raw score over the rows that the covers were counted on."""
        trees = self._trees
        mean = np.array(trees.value)
        cover = trees.cover
        for node in range(len(mean) - 1, -1, -1):
            if trees.feature[node] >= 0:
                left, right = trees.left[node], trees.right[node]
                mean[node] = cover[left] * mean[left] + cover[right] * mean[right]
                mean[node] /= cover[left] + cover[right]
        return float(mean[list(trees.roots)].sum())

    def many(self, matrix: np.ndarray) -> np.ndarray:
        """Contributions of a batch, float64 of shape (n, width), for a float32 matrix (n, width).

        A row's numbers do not depend on the other rows.
        """
        found = np.empty((len(matrix), self._width))
        for first in range(0, len(matrix), CHUNK_ROWS):
            rows = slice(first, first + CHUNK_ROWS)
            found[rows] = self._chunk(np.ascontiguousarray(matrix[rows].T)).T
        return found

    def _chunk(self, columns: np.ndarray) -> np.ndarray:
        """Contributions of columns, shape (width, rows) in and out."""
        count = columns.shape[1]
        found = np.zeros((self._width, count))
        missing = np.isnan(columns)
        gaps = missing.any(axis=1)
        gained = np.empty(count)
        for parts in self._parts:
            left: dict[int, np.ndarray] = {}
            for part in parts:
                index = np.zeros(count, dtype=np.intp)
                for literals in reversed(part.bits):
                    index <<= 1
                    index |= self._held(literals, columns, missing, gaps, left)
                for row, feature in enumerate(part.features):
                    np.take(part.table[row], index, out=gained, mode="clip")
                    found[feature] += gained
        return found

    def _held(
        self,
        literals: tuple[tuple[int, bool], ...],
        columns: np.ndarray,
        missing: np.ndarray,
        gaps: np.ndarray,
        left: dict[int, np.ndarray],
    ) -> np.ndarray:
        held = None
        for node, way in literals:
            if node not in left:
                left[node] = self._goes_left(node, columns, missing, gaps)
            one = left[node] if way else ~left[node]
            held = one if held is None else held & one
        assert held is not None
        return held

    def _goes_left(
        self, node: int, columns: np.ndarray, missing: np.ndarray, gaps: np.ndarray
    ) -> np.ndarray:
        trees = self._trees
        feature, threshold = trees.feature[node], np.float32(trees.threshold[node])
        column = columns[feature]
        goes = column == threshold if trees.categorical[node] else column <= threshold
        if trees.missing_left[node] and gaps[feature]:
            goes |= missing[feature]
        return np.asarray(goes)

    @cached_property
    def _parts(self) -> list[list[Part]]:
        return list(parts_of(self._trees))

    def one(self, row: np.ndarray) -> np.ndarray:
        """Contributions of a single row, float64 of shape (1, width), for a matrix (1, width)."""
        if not any(self._parts):
            return np.zeros((1, self._width))
        flat = self._flat
        values = row[0][flat.feature]
        goes = values <= flat.threshold
        goes[flat.categorical] = values[flat.categorical] == flat.threshold[flat.categorical]
        if np.isnan(row).any():
            goes |= np.isnan(values) & flat.missing_left
        held = goes[flat.node] == flat.way
        both = np.logical_and.reduceat(goes[flat.more_nodes] == flat.more_ways, flat.more_first)
        held[flat.several] &= both[: len(flat.several)]
        index = np.add.reduceat(held * flat.weight, flat.first_bit)
        gained = flat.tables[flat.start + index[flat.part]]
        return np.bincount(flat.column, gained, self._width)[None, :]

    @cached_property
    def _flat(self) -> _Flat:
        return _Flat(self._trees, [part for parts in self._parts for part in parts])


class _Flat:
    """All parts of all trees in flat arrays, so that one row is a handful of operations."""

    def __init__(self, trees: Trees, parts: list[Part]) -> None:
        splits = np.flatnonzero(np.array(trees.feature) >= 0)
        place = np.zeros(len(trees.feature), dtype=np.intp)
        place[splits] = np.arange(len(splits))
        self.feature = np.array(trees.feature)[splits]
        self.threshold = np.array(trees.threshold, dtype=np.float32)[splits]
        self.categorical = np.flatnonzero(np.array(trees.categorical)[splits])
        self.missing_left = np.array(trees.missing_left)[splits]
        # Nearly all bits have one condition; the few that have more are done apart.
        bits = [bit for part in parts for bit in part.bits]
        self.node = place[[bit[0][0] for bit in bits]]
        self.way = np.array([bit[0][1] for bit in bits])
        self.several = np.array([i for i, bit in enumerate(bits) if len(bit) > 1], dtype=np.intp)
        # One condition that nobody reads stands at the end, for models without any such bit.
        more = [bits[i][1:] for i in self.several] + [bits[0][:1]]
        self.more_nodes = place[[node for bit in more for node, _ in bit]]
        self.more_ways = np.array([way for bit in more for _, way in bit])
        self.more_first = np.r_[0, np.cumsum([len(bit) for bit in more])[:-1]]
        self.weight = np.array([1 << i for part in parts for i in range(len(part.bits))])
        self.first_bit = np.r_[0, np.cumsum([len(part.bits) for part in parts])[:-1]]
        self.column = np.concatenate([part.features for part in parts])
        self.part = np.repeat(np.arange(len(parts)), [len(part.features) for part in parts])
        sizes = np.array([part.table.shape[1] for part in parts])[self.part]
        self.start = np.r_[0, np.cumsum(sizes)[:-1]]
        self.tables = np.concatenate([part.table.ravel() for part in parts])


@lru_cache(maxsize=1)
def of_trees(trees: Trees, width: int) -> TreeContributions:
    """The contributions of an ensemble; its tables are made once for all who ask one by one."""
    return TreeContributions(trees, width)
