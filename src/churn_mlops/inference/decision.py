"""Whom to contact: what a contact is expected to earn, and where the list ends.

With risk p, customer value V, contact cost f, offer cost d and success rate g (the share of
leaving users who take the offer and stay), contacting one user is expected to earn

    p (g (V - d) - f) - (1 - p) (d + f)

because a leaving user costs f and, won back, brings V - d, while a user who would have stayed
takes the offer as well and costs d + f. This is the profit of Verbraken, Verbeke & Baesens, "A
Novel Profit Maximizing Metric for Measuring Classification Performance of Customer Churn
Prediction Models" (IEEE TKDE 25, 2013), equation 7, for a single user, without the campaign's
fixed cost. It grows with p, so the best list is the one down to the risk where it is zero.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from churn_mlops.params import Scoring, Value

CURVE_POINTS = 200
CONTACT, HOLD_OUT, NONE = "contact", "hold_out", "none"


def expected_profit(risks: np.ndarray, value: Value) -> np.ndarray:
    """Expected profit of contacting each user, in the currency of `value`; shape (n,)."""
    return risks * _won(value) - (1 - risks) * _lost(value)


def expected_cost(risks: np.ndarray, value: Value) -> np.ndarray:
    """Expected cost of contacting each user: the contact, and the offer where it is taken."""
    taken = risks * value.success_rate + (1 - risks)
    return np.asarray(value.contact_cost + value.offer_cost * taken)


def break_even(value: Value) -> float:
    """The risk above which a contact is expected to pay; 1 when it never does."""
    won, lost = _won(value), _lost(value)
    return min(lost / (won + lost), 1.0) if won + lost > 0 else 1.0


def _won(value: Value) -> float:
    return value.success_rate * (value.customer_value - value.offer_cost) - value.contact_cost


def _lost(value: Value) -> float:
    return value.offer_cost + value.contact_cost


def list_size(risks: np.ndarray, scoring: Scoring) -> int:
    """How many users, from the highest risk down, belong on the list.

    Parameters
    ----------
    risks : array of float, shape (n,)
        In falling order.
    scoring : Scoring
        Without ``value``: ``top_k``. With it: as many as are expected to pay and, one after the
        other, fit into the ``budget``.
    """
    if scoring.value is None:
        return min(scoring.top_k, len(risks))
    size = int(np.sum(expected_profit(risks, scoring.value) > 0))
    if scoring.value.budget is not None:
        spent = np.cumsum(expected_cost(risks[:size], scoring.value))
        size = int(np.sum(spent <= scoring.value.budget * (1 + 1e-12)))
    return size


def held_out(users: list[Any], day: str, share: float) -> list[bool]:
    """Draw those on the list who are left alone, to measure later what contacting does.

    The draw is by the hash of day and user: anybody can repeat it, nobody can steer it by order,
    and each day draws anew.

    Parameters
    ----------
    users : list
        user_id of the users on the list.
    day : str
        as_of_date, ISO.
    share : float
        ``scoring.holdout_share``.
    """
    limit = int(share * 2**64)
    return [
        int.from_bytes(hashlib.blake2b(f"{day}:{user}".encode(), digest_size=8).digest(), "big")
        < limit
        for user in users
    ]


def profit_curve(labels: np.ndarray, risks: np.ndarray, value: Value) -> dict[str, Any]:
    """What lists of every length would have earned on rows with known ends.

    Parameters
    ----------
    labels : array of 0/1, shape (n,)
    risks : array of float, shape (n,)
    value : Value

    Returns
    -------
    dict
        ``share`` (of the users contacted) and ``profit_per_user`` (of all users, contacted or not),
        at most `CURVE_POINTS` points; ``best_share``, ``best_threshold``,
        ``best_profit_per_user``: the maximum profit (equation 10 of the paper);
        ``break_even``, ``chosen_share`` and ``chosen_profit_per_user``: the list down to
        `break_even`, the one that would have been chosen beforehand; ``expected_maximum_profit``;
        ``value``.
    """
    order = np.argsort(-risks, kind="stable")
    gain = np.where(labels[order] == 1, _won(value), -_lost(value))
    earned = np.r_[0.0, np.cumsum(gain)] / len(labels)
    # Equal risks cannot be told apart: a threshold takes all of them or none.
    ends = np.r_[0, np.flatnonzero(np.diff(risks[order]) != 0) + 1, len(labels)]
    best = int(ends[np.argmax(earned[ends])])
    limit = break_even(value)
    chosen = int(np.sum(risks > limit))
    points = np.unique(np.linspace(0, len(labels), CURVE_POINTS).round().astype(int))
    return {
        "share": (points / len(labels)).tolist(),
        "profit_per_user": earned[points].tolist(),
        "best_share": best / len(labels),
        "best_threshold": float(risks[order][best - 1]) if best else 1.0,
        "best_profit_per_user": float(earned[best]),
        "break_even": limit,
        "chosen_share": chosen / len(labels),
        "chosen_profit_per_user": float(earned[chosen]),
        "expected_maximum_profit": expected_maximum_profit(labels, risks, value),
        "value": value.model_dump(),
    }


def expected_maximum_profit(
    labels: np.ndarray, risks: np.ndarray, value: Value, spread: float = 20.0
) -> float:
    """Maximum profit per user, expected over an uncertain success rate (EMP).

    The success rate is Beta distributed with mean ``value.success_rate`` and a weight of `spread`
    observations (the paper takes Beta(6, 14): mean 0.3, 20 observations). For each rate the
    best list is an end of a segment of the ROC curve's convex hull; the mean is taken at 1,000
    equally likely rates (equation 13 of the paper, by the midpoint rule instead of in closed
    form).

    Parameters
    ----------
    labels : array of 0/1, shape (n,)
    risks : array of float, shape (n,)
    value : Value
    spread : float
    """
    order = np.argsort(-risks, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(risks[order]) != 0), len(risks) - 1]
    left = np.r_[0, np.cumsum(labels[order] == 1)[ends]] / len(labels)
    stayed = np.r_[0, np.cumsum(labels[order] == 0)[ends]] / len(labels)
    hull = _upper_hull(stayed, left)
    rates = _beta_quantiles(value.success_rate * spread, (1 - value.success_rate) * spread)
    won = rates * (value.customer_value - value.offer_cost) - value.contact_cost
    profit = won[:, None] * left[hull] - _lost(value) * stayed[hull]
    return float(profit.max(axis=1).mean())


def _upper_hull(x: np.ndarray, y: np.ndarray) -> list[int]:
    """Numbers of the points of the upper convex hull, left to right (Andrew's monotone chain)."""
    hull: list[int] = []
    for i in range(len(x)):
        while len(hull) >= 2:
            a, b = hull[-2], hull[-1]
            if (x[b] - x[a]) * (y[i] - y[a]) >= (y[b] - y[a]) * (x[i] - x[a]):
                hull.pop()
            else:
                break
        hull.append(i)
    return hull


def _beta_quantiles(a: float, b: float, count: int = 1_000) -> np.ndarray:
    """Midpoints of `count` equally likely parts of a Beta distribution."""
    # Finer towards 0, where the density of a small success rate is steepest.
    edges = np.linspace(0, 1, 200_001) ** 12
    middle = (edges[1:] + edges[:-1]) / 2
    density = np.exp((a - 1) * np.log(middle) + (b - 1) * np.log1p(-middle) - _peak(a, b))
    total = np.cumsum(density * np.diff(edges))
    return np.interp((np.arange(count) + 0.5) / count, total / total[-1], middle)


def _peak(a: float, b: float) -> float:
    """Log density where it is highest, so that nothing overflows."""
    mode = min(max((a - 1) / max(a + b - 2, 1e-9), 1e-6), 1 - 1e-6)
    return float((a - 1) * np.log(mode) + (b - 1) * np.log1p(-mode))
