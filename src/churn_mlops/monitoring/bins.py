"""Bins in which a column is compared, laid out by its reference values.

No row falls outside: the outer bins are open, missing values have a bin of their own, and so has
every value that many rows share (zero, a flag), which quantiles would hide.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import numpy as np

ATOM_SHARE = 0.05
# A flag's values are bins of their own, however rare.
FLAG_VALUES = 3
# Quantile bins share what is left beside the atoms.
QUANTILE_BINS = 10
CATEGORY_SHARE = 0.01
MAXIMUM_CATEGORIES = 30
MISSING = 0


class Bins(Protocol):
    """Tells the bin of each value; bin 0 is that of missing values."""

    @property
    def count(self) -> int:
        """Number of bins."""

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Bin numbers, int of shape (n,)."""


@dataclass(frozen=True)
class NumericBins:
    """Atoms first, then intervals between `edges`, the outer ones open.

    Parameters
    ----------
    atoms : array of float, rising
        Values with a bin of their own.
    edges : array of float, rising
        Interval i holds edges[i-1] <= x < edges[i].
    """

    atoms: np.ndarray
    edges: np.ndarray

    @property
    def count(self) -> int:
        """Number of bins."""
        return 1 + len(self.atoms) + len(self.edges) + 1

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Bin numbers, int of shape (n,); NaN is missing, infinities lie in the outer bins."""
        numbers = np.asarray(values, dtype=np.float64)
        found = 1 + len(self.atoms) + np.searchsorted(self.edges, numbers, side="right")
        if len(self.atoms):
            place = np.minimum(np.searchsorted(self.atoms, numbers), len(self.atoms) - 1)
            found = np.where(self.atoms[place] == numbers, 1 + place, found)
        return np.where(np.isnan(numbers), MISSING, found)

    def atom_of(self, code: int) -> float | None:
        """The single value of a bin, None for an interval or the missing bin."""
        return float(self.atoms[code - 1]) if 1 <= code <= len(self.atoms) else None


@dataclass(frozen=True)
class CategoricalBins:
    """One bin per frequent category, one for the rare ones, the last for unseen ones.

    Parameters
    ----------
    categories : tuple of str
        Those with a bin of their own, the most frequent first.
    rare : frozenset of str
        Seen in the reference, too seldom for a bin.
    """

    categories: tuple[str, ...]
    rare: frozenset[str]

    @property
    def count(self) -> int:
        """Number of bins."""
        return 1 + len(self.categories) + 2

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Bin numbers, int of shape (n,); None and NaN are missing."""
        places: dict[object, int] = {c: 1 + i for i, c in enumerate(self.categories)}
        places |= dict.fromkeys(self.rare, self.count - 2)
        unseen = self.count - 1
        places[None] = MISSING
        # A cell that differs from itself is NaN, which is how some tables say "missing".
        found = (places.get(c if c == c else None, unseen) for c in values.tolist())
        return np.fromiter(found, np.int64, len(values))


def numeric_bins(values: np.ndarray) -> NumericBins:
    """Lay bins out by reference values, float of shape (n,)."""
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    if len(known) == 0:
        return NumericBins(np.array([]), np.array([]))
    unique, counts = np.unique(known, return_counts=True)
    few = len(unique) <= FLAG_VALUES
    atoms = unique if few else unique[counts >= ATOM_SHARE * len(numbers)]
    rest = known[~np.isin(known, atoms)]
    # Fewer bins for a smaller rest, so that none expects less than a few percent of the rows.
    wanted = max(1, round(QUANTILE_BINS * len(rest) / len(numbers)))
    inner = np.linspace(0, 1, wanted + 1)[1:-1]
    edges = np.unique(np.quantile(rest, inner)) if len(rest) and wanted > 1 else np.array([])
    return NumericBins(atoms, edges)


def categorical_bins(values: np.ndarray) -> CategoricalBins:
    """Lay bins out by reference values, object of shape (n,)."""
    cells = values.tolist()
    counts = Counter(cell for cell in cells if isinstance(cell, str))
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    own = [c for c in ordered if counts[c] >= CATEGORY_SHARE * len(cells)][:MAXIMUM_CATEGORIES]
    return CategoricalBins(tuple(own), frozenset(ordered) - frozenset(own))


def bins_of(values: np.ndarray) -> NumericBins | CategoricalBins:
    """Bins by the type of the column: texts are categories, all else are numbers."""
    return categorical_bins(values) if values.dtype == object else numeric_bins(values)
