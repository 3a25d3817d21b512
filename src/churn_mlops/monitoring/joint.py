"""Joint drift: can a classifier tell the day's users from those of the reference days?

Columns can keep their distributions while what one says about another breaks. Trees see that
poorly from raw columns, as no single split gains anything; so the classifier is also given, for
columns that go together in the reference, how far apart they lie in rank.

The domain classifier as a two-sample test: Lopez-Paz & Oquab 2017, Revisiting Classifier
Two-Sample Tests (ICLR), with the ROC-AUC of held-out rows in the place of the accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from churn_mlops.monitoring.bins import bins_of

ROWS = 2_000
FOLDS = 3
PARTNERS = 2
# Ranks that agree less than this in the reference do not go together.
LEAST_CORRELATION = 0.3
TREES = {
    "objective": "binary",
    "num_leaves": 8,
    "learning_rate": 0.1,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
}
ROUNDS = 40
# Held-out scores of the folds come from models that share training rows, which spreads the mean
# AUC further than U does; benchmarks/drift.py measures the rate of alarms that is left.
INFLATION = 1.25


@dataclass(frozen=True)
class Joint:
    """How well the day is told from the reference.

    Parameters
    ----------
    roc_auc : float
        Of held-out rows, mean over the folds; 0.5 when there is nothing to tell them by.
    p_value : float
        Probability of at least this without drift.
    columns : tuple of str
        The column, or the two columns, that tell most.
    correlation : tuple of two float, or None
        Rank correlation of the two columns, then and now.
    """

    roc_auc: float
    p_value: float
    columns: tuple[str, ...]
    correlation: tuple[float, float] | None

    def words(self) -> str:
        """What differs, for people."""
        told = f"a classifier tells the day from the reference with ROC-AUC {self.roc_auc:.2f}"
        if self.correlation is None:
            return f"{self.columns[0]}: {told}, most of all by this column"
        then, now = self.correlation
        return (
            f"{self.columns[0]} and {self.columns[1]} go together differently: rank correlation"
            f" {then:.2f} → {now:.2f}; {told}"
        )


def joint_shift(
    reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray], seed: int
) -> Joint:
    """Fit and judge the classifier on at most `ROWS` rows of each side.

    Parameters
    ----------
    reference, current : mapping of str to array, each of shape (n,) and (m,)
        Raw values of the same columns.
    seed : int
    """
    rng = np.random.default_rng(seed)
    before, now = _numbers(reference, current, rng)
    ranks_before, ranks_now = _ranks(before, before), _ranks(before, now)
    pairs = _pairs(ranks_before)
    matrix = np.concatenate(
        [_widened(before, ranks_before, pairs), _widened(now, ranks_now, pairs)]
    )
    is_now = np.r_[np.zeros(len(before)), np.ones(len(now))]
    aucs, gains = _held_out(matrix, is_now, rng)
    # Under no drift the AUC is Mann and Whitney's U over n m: mean 1/2, variance (n+m+1)/(12 n m).
    n, m = len(before), len(now)
    deviation = INFLATION * math.sqrt((n + m + 1) / (12 * n * m))
    auc = float(np.mean(aucs))
    p_value = 0.5 * math.erfc((auc - 0.5) / deviation / math.sqrt(2))
    names = list(reference)
    best = int(np.argmax(gains))
    if best < len(names):
        return Joint(auc, p_value, (names[best],), None)
    a, b, _ = pairs[best - len(names)]
    then, after = (_correlation(r[:, a], r[:, b]) for r in (ranks_before, ranks_now))
    return Joint(auc, p_value, (names[a], names[b]), (then, after))


def _numbers(
    reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Both sides as float matrices; a category is the number of its bin."""
    sides = []
    for side in (reference, current):
        size = len(next(iter(side.values())))
        picked = np.sort(rng.permutation(size)[:ROWS])
        columns = []
        for name, values in side.items():
            cells = values[picked]
            if reference[name].dtype == object:
                columns.append(bins_of(reference[name]).codes(cells).astype(np.float64))
            else:
                columns.append(np.asarray(cells, dtype=np.float64))
        sides.append(np.column_stack(columns))
    return sides[0], sides[1]


def _ranks(reference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Share of the reference below each value, equal ones counted half; NaN stays."""
    found = np.full(values.shape, np.nan)
    for j in range(values.shape[1]):
        known = np.sort(reference[~np.isnan(reference[:, j]), j])
        if len(known):
            column = values[:, j]
            below = np.searchsorted(known, column, "left") + np.searchsorted(known, column, "right")
            found[:, j] = np.where(np.isnan(column), np.nan, below / (2 * len(known)))
    return found


def _pairs(ranks: np.ndarray) -> list[tuple[int, int, float]]:
    """Each column with the columns whose ranks agree most with its own, and the direction."""
    filled = np.where(np.isnan(ranks), 0.5, ranks)
    moving = filled.std(axis=0) > 0
    agreement = np.zeros((ranks.shape[1], ranks.shape[1]))
    agreement[np.ix_(moving, moving)] = np.atleast_2d(np.corrcoef(filled[:, moving].T))
    np.fill_diagonal(agreement, 0.0)
    found = {}
    for a in range(len(agreement)):
        for b in np.argsort(-np.abs(agreement[a]), kind="stable")[:PARTNERS].tolist():
            if abs(agreement[a, b]) >= LEAST_CORRELATION:
                found[min(a, b), max(a, b)] = float(np.sign(agreement[a, b]))
    return [(a, b, sign) for (a, b), sign in sorted(found.items())]


def _widened(
    numbers: np.ndarray, ranks: np.ndarray, pairs: list[tuple[int, int, float]]
) -> np.ndarray:
    apart = [ranks[:, a] - (ranks[:, b] if sign > 0 else 1 - ranks[:, b]) for a, b, sign in pairs]
    return np.column_stack([numbers, *apart])


def _held_out(
    matrix: np.ndarray, is_now: np.ndarray, rng: np.random.Generator
) -> tuple[list[float], np.ndarray]:
    """ROC-AUC of each fold's held-out rows, and the gain of each column over all folds."""
    import lightgbm as lgb
    from sklearn.metrics import roc_auc_score

    fold = np.empty(len(is_now), dtype=np.int64)
    for side in (0, 1):
        rows = np.flatnonzero(is_now == side)
        fold[rng.permutation(rows)] = np.arange(len(rows)) % FOLDS
    aucs, gains = [], np.zeros(matrix.shape[1])
    settings = {**TREES, "seed": int(rng.integers(1 << 30))}
    for k in range(FOLDS):
        held = fold == k
        if len(np.unique(is_now[held])) < 2:
            continue
        model = lgb.train(settings, lgb.Dataset(matrix[~held], is_now[~held]), ROUNDS)
        aucs.append(float(roc_auc_score(is_now[held], model.predict(matrix[held]))))
        gains += model.feature_importance("gain")
    return aucs or [0.5], gains


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    both = ~(np.isnan(a) | np.isnan(b))
    if both.sum() < 2 or a[both].std() == 0 or b[both].std() == 0:
        return 0.0
    return float(np.corrcoef(a[both], b[both])[0, 1])
