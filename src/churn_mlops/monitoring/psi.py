"""How far two distributions lie apart: the population stability index."""

from __future__ import annotations

import numpy as np


def psi(reference_counts: np.ndarray, current_counts: np.ndarray) -> float:
    """Population stability index of two sets of counts over the same bins.

    With the shares p and q, both smoothed by half a count per bin, it is the sum of
    (q - p) ln(q / p): the symmetric Kullback-Leibler divergence of Jeffreys (1946).

    Parameters
    ----------
    reference_counts, current_counts : array of int, shape (bins,)
    """
    p, q = _shares(reference_counts), _shares(current_counts)
    return float(np.sum((q - p) * np.log(q / p)))


def _shares(counts: np.ndarray) -> np.ndarray:
    counted = np.asarray(counts, dtype=np.float64)
    return np.asarray((counted + 0.5) / (counted.sum() + 0.5 * len(counted)))
