"""Ranking metrics of many outcomes at once, from counts by risk."""

from __future__ import annotations

import numpy as np


class Groups:
    """Users of equal risk, from the highest risk to the lowest.

    Equal risks cannot be told apart, so they enter every metric together.

    Parameters
    ----------
    risks : array of float, shape (n,)
    most : int, optional
        Neighbouring groups are joined until there are no more than so many.

    Attributes
    ----------
    risks : array of float, shape (k,)
        Of a joined group, the mean.
    sizes : array of int, shape (k,)
    place : array of int, shape (n,)
        The group of each user.
    """

    def __init__(self, risks: np.ndarray, most: int | None = None) -> None:
        falling, place = np.unique(-risks, return_inverse=True)
        if most is not None and len(falling) > most:
            place = place * most // len(falling)
        self.place = place
        self.sizes = np.bincount(place)
        self.risks = np.bincount(place, risks) / self.sizes

    def count(self, labels: np.ndarray) -> np.ndarray:
        """Leavers of each group, shape (1, k)."""
        counted = np.bincount(self.place, labels, minlength=len(self.sizes))
        return counted.astype(np.int64)[None, :]

    def metrics(self, left: np.ndarray) -> dict[str, np.ndarray]:
        """``pr_auc`` (average precision) and ``roc_auc``, each of shape (m,).

        NaN where all stayed or all left.

        Parameters
        ----------
        left : array of int, shape (m, k)
            Leavers of each group in each outcome.
        """
        stayed = self.sizes - left
        found, bothered = np.cumsum(left, axis=1), np.cumsum(stayed, axis=1)
        everybody, nobody = found[:, -1], bothered[:, -1]
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = found / np.cumsum(self.sizes)
            pr_auc = np.sum(left * precision, axis=1) / everybody
            area = np.sum(stayed * (found - left / 2), axis=1)
            roc_auc = area / (everybody * nobody.astype(np.float64))
        both = (everybody > 0) & (nobody > 0)
        return {
            "pr_auc": np.where(both, pr_auc, np.nan),
            "roc_auc": np.where(both, roc_auc, np.nan),
        }
