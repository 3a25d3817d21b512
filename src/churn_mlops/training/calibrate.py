"""Fits the map from log-odds to true probabilities, on users that the model has not seen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from churn_mlops.registry.calibration import Calibration, Method

FOLDS = 5
# Beyond the outermost levels of an isotonic map its line goes on, this flat and this far: nothing
# is known there, but a higher score stays a higher risk.
TAIL_SLOPE, TAIL_LENGTH = 0.01, 1_000.0
# In log-odds; float32 scores are some 1e-6 apart.
NEAREST = 1e-3
# Points of an isotonic map: enough for its steps, few enough for the graph.
MAXIMUM_POINTS = 50
METHODS: tuple[Method, ...] = ("sigmoid", "beta", "isotonic")


@dataclass(frozen=True)
class Calibrated:
    """The chosen map and the held-out log loss of ``none`` and of each method."""

    calibration: Calibration
    log_loss: dict[str, float]

    @property
    def held_out_log_loss(self) -> float:
        """Of the chosen method; of the uncalibrated model where nothing could be held out."""
        return self.log_loss.get(self.calibration.method, self.log_loss["none"])


def set_aside(users: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Mark the rows of the users that are kept for calibration.

    A user's fate depends on its id and the seed only, not on who else is there.

    Parameters
    ----------
    users : array, shape (n,)
    share : float
        Expected share of the users.
    seed : int

    Returns
    -------
    array of bool, shape (n,)
    """
    ids, place = np.unique(users, return_inverse=True)
    numbers = [
        int.from_bytes(hashlib.blake2b(f"{seed}:{user}".encode(), digest_size=8).digest(), "big")
        for user in ids.tolist()
    ]
    return np.asarray(np.array(numbers, dtype=np.uint64) < int(share * 2**64))[place]


def calibrate(log_odds: np.ndarray, labels: np.ndarray, users: np.ndarray) -> Calibrated:
    """Choose the method with the lowest log loss on held-out users, then fit it on all rows.

    Users are dealt to `FOLDS` folds, those who churned at some time and the others separately.
    With fewer than two users of either kind nothing can be held out; sigmoid is taken then.

    Parameters
    ----------
    log_odds : array of float, shape (n,)
        The model's raw scores of rows of users that it was not fitted on.
    labels : array of 0/1, shape (n,)
        Both classes.
    users : array, shape (n,)
    """
    from threadpoolctl import threadpool_limits

    # One thread: with more, sums of floats could come in another order on another machine.
    with threadpool_limits(1):
        return _calibrate(log_odds, labels, users)


def _calibrate(log_odds: np.ndarray, labels: np.ndarray, users: np.ndarray) -> Calibrated:
    folds = _folds(labels, users)
    identity = Calibration(method="sigmoid", parameters=(1.0, 0.0))
    losses = {"none": _log_loss(labels, identity.apply(log_odds))}
    if folds is None:
        return Calibrated(fit_calibration("sigmoid", log_odds, labels), losses)
    # The rows of a user are alike: of so many users nobody can be surer than this.
    least = 0.5 / len(np.unique(users))
    for method in METHODS:
        held_out = np.empty(len(labels))
        for fold in range(int(folds.max()) + 1):
            out = folds == fold
            fitted = fit_calibration(method, log_odds[~out], labels[~out], least)
            held_out[out] = fitted.apply(log_odds[out])
        losses[method] = _log_loss(labels, held_out)
    best = min(METHODS, key=losses.__getitem__)
    return Calibrated(fit_calibration(best, log_odds, labels, least), losses)


def fit_calibration(
    method: Method, log_odds: np.ndarray, labels: np.ndarray, least: float = 1e-4
) -> Calibration:
    """Fit one method; see `Calibration` for what each is.

    Parameters
    ----------
    method : {"sigmoid", "beta", "isotonic"}
    log_odds : array of float, shape (n,)
    labels : array of 0/1, shape (n,)
    least : float
        No level of ``isotonic`` lies nearer to 0 or 1.
    """
    s = np.asarray(log_odds, dtype=np.float64)
    if method == "isotonic":
        return _isotonic(s, labels, least)
    return _sigmoid(s, labels) if method == "sigmoid" else _beta(s, labels)


def _sigmoid(s: np.ndarray, labels: np.ndarray) -> Calibration:
    (slope,), intercept = _logistic(s[:, None], labels)
    # A model that ranks the wrong way round is not turned around: that would fit noise.
    if slope < 0:
        slope, intercept = 0.0, _level(labels)
    return Calibration(method="sigmoid", parameters=(slope, intercept))


def _beta(s: np.ndarray, labels: np.ndarray) -> Calibration:
    """Logistic regression on ln p and -ln(1-p) with both weights at least 0 (section 4.2)."""
    both = np.column_stack([-np.logaddexp(0, -s), np.logaddexp(0, s)])
    (a, b), c = _logistic(both, labels)
    if a < 0:
        (b,), c = _logistic(both[:, 1:], labels)
        a = 0.0
    elif b < 0:
        (a,), c = _logistic(both[:, :1], labels)
        b = 0.0
    if min(a, b) < 0:
        a, b, c = 0.0, 0.0, _level(labels)
    return Calibration(method="beta", parameters=(a, b, c))


def _level(labels: np.ndarray) -> float:
    """Log-odds of the share of ones: the best constant."""
    share = float(np.mean(labels))
    return float(np.log(share / (1 - share)))


def _isotonic(s: np.ndarray, labels: np.ndarray, least: float) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    levels = IsotonicRegression().fit_transform(s, labels)
    # One point per level, at the mean of its rows; of too many levels, equal parts of the rows.
    order = np.argsort(s, kind="stable")
    _, block = np.unique(levels[order], return_inverse=True)
    if block[-1] >= MAXIMUM_POINTS:
        block = np.arange(len(s)) * MAXIMUM_POINTS // len(s)
        # Parts within one level have one mean, and become one point.
        means = np.bincount(block, levels[order]) / np.bincount(block)
        block = np.unique(means.round(12), return_inverse=True)[1][block]
    rows = np.bincount(block)
    x = np.bincount(block, s[order]) / rows
    y = np.clip(np.bincount(block, levels[order]) / rows, least, 1 - least)
    x, y = _apart(x, y, rows)
    logits = np.log(y / (1 - y))
    rise = TAIL_SLOPE * TAIL_LENGTH
    return Calibration(
        method="isotonic",
        log_odds=(float(x[0]) - TAIL_LENGTH, *x.tolist(), float(x[-1]) + TAIL_LENGTH),
        logits=(float(logits[0]) - rise, *logits.tolist(), float(logits[-1]) + rise),
    )


def _apart(x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merge points that lie closer than `NEAREST`: a step there would be beyond float32."""
    merged: list[tuple[float, float, float]] = []
    for point in zip(x.tolist(), y.tolist(), rows.tolist(), strict=True):
        if merged and point[0] - merged[-1][0] < NEAREST:
            a, b, n = merged.pop()
            total = n + point[2]
            point = (
                (a * n + point[0] * point[2]) / total,
                (b * n + point[1] * point[2]) / total,
                total,
            )
        merged.append(point)
    return np.array([p[0] for p in merged]), np.array([p[1] for p in merged])


def _logistic(columns: np.ndarray, labels: np.ndarray) -> tuple[list[float], float]:
    """Weights and intercept of an unpenalised logistic regression."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(columns, labels)
    return [float(weight) for weight in fitted.coef_[0]], float(fitted.intercept_[0])


def _folds(labels: np.ndarray, users: np.ndarray) -> np.ndarray | None:
    ids, place = np.unique(users, return_inverse=True)
    left = np.bincount(place, labels.astype(np.float64), len(ids)) > 0
    count = min(FOLDS, int(left.sum()), int((~left).sum()))
    if count < 2:
        return None
    fold = np.empty(len(ids), dtype=np.int64)
    for kind in (left, ~left):
        fold[kind] = np.arange(int(kind.sum())) % count
    return fold[place]


def _log_loss(labels: np.ndarray, risks: np.ndarray) -> float:
    safe = np.clip(risks, 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(labels == 1, np.log(safe), np.log1p(-safe))))
