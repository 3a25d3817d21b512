"""How sure a metric is: its spread when other users might have been there.

Rows of one user are alike, so whole users are drawn with replacement, as often as there are users
(the cluster bootstrap; Field & Welsh 2007, section 3). Models that are compared are judged on the
same draws: what they find easy or hard together cancels out of their difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np

# Numbers that are worked on at once: a few tens of megabytes.
CHUNK = 4_000_000
RANKING = ("pr_auc", "roc_auc")

Interval = tuple[float, float]


class Draws:
    """How often each user is drawn in each resample.

    Parameters
    ----------
    users : array, shape (n,)
        The user of each row.
    resamples : int
    seed : int
    """

    def __init__(self, users: np.ndarray, resamples: int, seed: int) -> None:
        ids, self.place = np.unique(users, return_inverse=True)
        self.count, self.resamples = len(ids), resamples
        self._seed = seed

    @property
    def _chunk(self) -> int:
        return max(1, CHUNK // max(len(self.place), 1))

    def __iter__(self) -> Iterator[np.ndarray]:
        """Weights of the users, float64 of shape (some resamples, users); the same each time."""
        rng = np.random.default_rng(self._seed)
        for first in range(0, self.resamples, self._chunk):
            size = min(self._chunk, self.resamples - first)
            drawn = rng.integers(self.count, size=(size, self.count))
            drawn += np.arange(size)[:, None] * self.count
            yield np.bincount(drawn.ravel(), minlength=size * self.count).reshape(size, -1) * 1.0


class Ranked:
    """Rows from the highest to the lowest risk, for ranking metrics under any weights.

    Parameters
    ----------
    labels : array of 0/1, shape (n,)
    risks : array of float, shape (n,)
    place : array of int, shape (n,)
        The user's place among the weights.
    """

    def __init__(self, labels: np.ndarray, risks: np.ndarray, place: np.ndarray) -> None:
        order = np.argsort(-risks, kind="stable")
        self._left = labels[order] == 1
        self._place = place[order]
        # Equal risks cannot be told apart: they enter together, at the last of them.
        self._ends = np.flatnonzero(np.r_[np.diff(risks[order]) != 0, True])

    def metrics(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """``pr_auc`` (average precision) and ``roc_auc``, each of shape (resamples,).

        A resample without users of either class has no value: NaN.

        Parameters
        ----------
        weights : array of float, shape (resamples, users)
        """
        rows = weights[:, self._place]
        hits = np.cumsum(rows * self._left, axis=1)[:, self._ends]
        alarms = np.cumsum(rows, axis=1)[:, self._ends] - hits
        gained = np.diff(hits, axis=1, prepend=0.0)
        missed = np.diff(alarms, axis=1, prepend=0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(hits > 0, hits / (hits + alarms), 0.0)
            pr_auc = np.sum(gained * precision, axis=1) / hits[:, -1]
            area = np.sum(missed * (hits - gained / 2), axis=1)
            roc_auc = area / (hits[:, -1] * alarms[:, -1])
        return {"pr_auc": pr_auc, "roc_auc": roc_auc}


class Means:
    """Weighted means of per-row numbers, from their sums per user.

    Parameters
    ----------
    numbers : mapping of str to (numerator, denominator)
        Arrays of shape (n,); the metric is the ratio of their weighted sums.
    place : array of int, shape (n,)
    """

    def __init__(
        self, numbers: Mapping[str, tuple[np.ndarray, np.ndarray]], place: np.ndarray
    ) -> None:
        def by_user(values: np.ndarray) -> np.ndarray:
            return np.bincount(place, np.asarray(values, dtype=np.float64))

        self._sums = {name: (by_user(a), by_user(b)) for name, (a, b) in numbers.items()}

    def metrics(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Each metric under each resample, of shape (resamples,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return {name: (weights @ a) / (weights @ b) for name, (a, b) in self._sums.items()}


def interval(values: np.ndarray, confidence: float) -> Interval:
    """Percentile interval of resampled values (Efron & Tibshirani 1993, section 13.3).

    Resamples in which the metric does not exist are left out; NaN when there is none.
    """
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


class Paired:
    """The difference of two models' ranking metrics on the same rows and the same draws.

    Parameters
    ----------
    labels : array of 0/1, shape (n,)
    risks, others : array of float, shape (n,)
        The new and the old model's risks of the same rows.
    draws : Draws
    """

    def __init__(
        self, labels: np.ndarray, risks: np.ndarray, others: np.ndarray, draws: Draws
    ) -> None:
        self._new = Ranked(labels, risks, draws.place)
        self._old = Ranked(labels, others, draws.place)
        self._draws = draws

    @cached_property
    def observed(self) -> dict[str, tuple[float, float]]:
        """Each metric of the new and of the old model on the rows as they are."""
        once = np.ones((1, self._draws.count))
        new, old = self._new.metrics(once), self._old.metrics(once)
        return {name: (float(new[name][0]), float(old[name][0])) for name in RANKING}

    @cached_property
    def differences(self) -> dict[str, np.ndarray]:
        """New less old per resample, each of shape (resamples,)."""
        found: dict[str, list[np.ndarray]] = {name: [] for name in RANKING}
        for weights in self._draws:
            new, old = self._new.metrics(weights), self._old.metrics(weights)
            for name in RANKING:
                found[name].append(new[name] - old[name])
        return {name: np.concatenate(parts) for name, parts in found.items()}
