"""How risks compare with what happened: all of them too low or high, too flat or sharp.

Logistic recalibration (Cox 1958; Miller, Hui & Tierney 1991): of the users with risk p there leave,
in truth, the share q with

    logit q = logit p + level + tilt (logit p - centre)

Level and tilt are 0 where the risks are exactly right. At the centre both can be told apart best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Nobody is surer than this: a single odd user must not tilt all others.
SUREST = 1e-5
# Without data, level and tilt would be as uncertain as this (standard deviations).
VAGUE = np.array([1.0, 0.5])
STEPS, CLOSE = 50, 1e-9


@dataclass(frozen=True)
class Evidence:
    """What a day, or some days, said about level and tilt.

    Parameters
    ----------
    day : float
        The day's number; the mean of several days.
    shift : array, shape (2,)
        Level and tilt.
    covariance : array, shape (2, 2)
        How uncertain they are by the chance of who was there and who left.
    """

    day: float
    shift: np.ndarray
    covariance: np.ndarray


def logit(risks: np.ndarray) -> np.ndarray:
    """Log-odds of risks, no surer than `SUREST`."""
    inside = np.clip(risks, SUREST, 1 - SUREST)
    return np.asarray(np.log(inside / (1 - inside)))


def centre_of(risks: np.ndarray) -> float:
    """The log-odds about which level and tilt hardly depend on each other."""
    weights = risks * (1 - risks)
    total = float(weights.sum())
    return float(np.sum(weights * logit(risks)) / total) if total > 0 else 0.0


def shares(risks: np.ndarray, shifts: np.ndarray, centre: float) -> np.ndarray:
    """True shares of leavers among users of these risks.

    Parameters
    ----------
    risks : array, shape (n,)
    shifts : array, shape (m, 2)
        Level and tilt.
    centre : float

    Returns
    -------
    array, shape (m, n)
    """
    known = logit(risks)
    return _share(known + shifts[:, :1] + shifts[:, 1:] * (known - centre))


def recalibrate(
    day: float, risks: np.ndarray, labels: np.ndarray, users: np.ndarray, centre: float
) -> Evidence:
    """Fit level and tilt.

    The covariance is the sandwich of Huber (1967) and White (1982), summed by user, so that rows of
    one user, which are alike, do not count as many.

    Parameters
    ----------
    day : float
    risks : array of float, shape (n,)
    labels : array of 0/1, shape (n,)
    users : array of int, shape (n,)
    centre : float
    """
    known = logit(risks)
    columns = np.stack([np.ones(len(known)), known - centre], axis=1)
    prior = np.diag(1 / VAGUE**2)
    shift = np.zeros(2)
    for _ in range(STEPS):
        share = _share(known + columns @ shift)
        curvature = (columns * (share * (1 - share))[:, None]).T @ columns + prior
        step = np.linalg.solve(curvature, columns.T @ (labels - share) - prior @ shift)
        # Long steps from a far start would overshoot.
        shift = shift + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < CLOSE:
            break
    scores = columns * (labels - _share(known + columns @ shift))[:, None]
    place = np.unique(users, return_inverse=True)[1]
    by_user = np.stack([np.bincount(place, scores[:, n]) for n in (0, 1)], axis=1)
    inverse = np.linalg.inv(curvature)
    return Evidence(day, shift, inverse @ (by_user.T @ by_user + prior) @ inverse)


def _share(log_odds: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -40, 40))))
