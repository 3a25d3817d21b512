"""The population stability index of counts."""

from __future__ import annotations

import numpy as np

# What every bin gets on top of its count (Jeffreys' prior): an empty bin is rare, not impossible.
SMOOTHING = 0.5


def shares(counts: np.ndarray) -> np.ndarray:
    """Smoothed shares, along the last axis: (c + 0.5) / (n + 0.5 bins)."""
    smoothed = np.asarray(counts, dtype=np.float64) + SMOOTHING
    return np.asarray(smoothed / smoothed.sum(axis=-1, keepdims=True))


def parts(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """What each bin adds to the index: (q - p) ln(q / p), never negative.

    Parameters
    ----------
    reference, current : array of int, shape (..., bins)
        Rows per bin.
    """
    p, q = shares(reference), shares(current)
    return np.asarray((q - p) * np.log(q / p))


def psi(reference: np.ndarray, current: np.ndarray) -> float:
    """Population stability index: the sum of (q - p) ln(q / p) over the bins.

    It is Kullback and Leibler's symmetric divergence J (On Information and Sufficiency, 1951,
    section 2) of the binned shares; Siddiqi (Credit Risk Scorecards, 2006) calls more than 0.1 a
    small and more than 0.25 a large shift.

    Parameters
    ----------
    reference, current : array of int, shape (bins,)
        Rows per bin.
    """
    return float(parts(reference, current).sum())
