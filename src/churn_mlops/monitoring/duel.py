"""Two models on the same lists: which one told better who was away afterwards?

Every kept day of a probation is judged by what is known of it: a user has left if no day after it
was active, as far as the data reach and at most over the horizon of a label. Such an outcome after
one day is noisy, and the same for both, so that what is hard for both cancels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from churn_mlops.training.bootstrap import Draws, Ranked

RESAMPLES = 400
# More users hardly narrow the interval, and each resample costs all their rows.
MOST_USERS = 20_000


@dataclass(frozen=True)
class Round:
    """One day that both have scored.

    Parameters
    ----------
    users : array, shape (n,)
        Ids, each once.
    risks, others : array of float, shape (n,)
        Of the champion and of the one before.
    away : array of bool, shape (n,)
        Who has left, as far as is known.
    """

    users: np.ndarray
    risks: np.ndarray
    others: np.ndarray
    away: np.ndarray


@dataclass(frozen=True)
class Result:
    """The mean difference of the days' ROC-AUC, champion less the one before, and its interval.

    Parameters
    ----------
    rounds, users : int
        What it was judged by.
    roc_auc, other : float
    difference, low, high : float
    confidence : float
        Of the interval.
    """

    rounds: int
    users: int
    roc_auc: float
    other: float
    difference: float
    low: float
    high: float
    confidence: float

    @property
    def lost(self) -> bool:
        """Whether the one before is better, beyond chance."""
        return self.high < 0

    def as_json(self) -> dict[str, Any]:
        """The result as the ledger holds it."""
        numbers = ("roc_auc", "other", "difference", "low", "high", "confidence")
        told: dict[str, Any] = {name: round(float(getattr(self, name)), 6) for name in numbers}
        return {"days": self.rounds, "users": self.users, **told}

    def words(self) -> str:
        """The result in words."""
        return (
            f"ROC-AUC {self.roc_auc:.4f} against {self.other:.4f} over {self.rounds} days:"
            f" {self.difference:+.4f} (interval {self.low:+.4f} to {self.high:+.4f})"
        )


def confidence_of_look(confidence: float, looks: int) -> float:
    """The confidence of one of many looks, so that all together are wrong no more often than one.

    Bonferroni's bound: the looks share their data, so it errs on the safe side.

    Parameters
    ----------
    confidence : float
        Over all looks.
    looks : int
    """
    return 1 - (1 - confidence) / max(looks, 1)


def duel(rounds: Sequence[Round], confidence: float, seed: int) -> Result | None:
    """Compare two models over some days; None when no day has users who left and who stayed.

    Each day has its own ROC-AUC, as risks and outcomes of different days do not compare; the days
    count by their users. The interval is a paired bootstrap over users, the same ones for all days
    and both models. So few of its draws lie beyond the bounds of one look of many that those are
    taken from its standard deviation instead.

    Parameters
    ----------
    rounds : sequence of Round
    confidence : float
        Of this look.
    seed : int
    """
    usable = [one for one in rounds if 0 < one.away.sum() < len(one.away)]
    if not usable:
        return None
    sampled = _sampled(usable, seed)
    ids = np.unique(np.concatenate([one.users for one in sampled]))
    # Every user is one of the draws' places, on each day on which he is there.
    draws = Draws(ids, RESAMPLES, seed)
    pairs = [_ranked(one, ids) for one in sampled]
    weights = np.array([len(one.users) for one in sampled], dtype=np.float64)
    once = np.ones((1, len(ids)))
    new, old = (float(_mean(pairs, weights, once, side)[0]) for side in (0, 1))
    spread = np.concatenate(
        [_mean(pairs, weights, drawn, 0) - _mean(pairs, weights, drawn, 1) for drawn in draws]
    )
    deviation = float(np.nanstd(spread, ddof=1))
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * deviation
    gain = new - old
    return Result(len(sampled), len(ids), new, old, gain, gain - reach, gain + reach, confidence)


def _sampled(rounds: Sequence[Round], seed: int) -> list[Round]:
    ids = np.unique(np.concatenate([one.users for one in rounds]))
    if len(ids) <= MOST_USERS:
        return list(rounds)
    chosen = np.random.default_rng(seed).choice(ids, MOST_USERS, replace=False)
    parts = []
    for one in rounds:
        mine = np.isin(one.users, chosen)
        part = Round(one.users[mine], one.risks[mine], one.others[mine], one.away[mine])
        if 0 < part.away.sum() < len(part.away):
            parts.append(part)
    return parts


def _ranked(one: Round, ids: np.ndarray) -> tuple[Ranked, Ranked]:
    place = np.searchsorted(ids, one.users)
    left = one.away.astype(np.int8)
    return Ranked(left, one.risks, place), Ranked(left, one.others, place)


def _mean(
    pairs: Sequence[tuple[Ranked, Ranked]], weights: np.ndarray, drawn: np.ndarray, side: int
) -> np.ndarray:
    areas = np.array([pair[side].metrics(drawn)["roc_auc"] for pair in pairs])
    there = np.isfinite(areas) * weights[:, None]
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(areas * weights[:, None], axis=0) / there.sum(axis=0))
