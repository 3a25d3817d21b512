"""How far chance alone moves a column, and which of many columns moved beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_mlops.monitoring.psi import parts, shares

DRAWS = 1_000


@dataclass(frozen=True)
class Chance:
    """The index without drift: a gamma distribution fitted to resampled periods."""

    mean: float
    variance: float

    def p_value(self, psi: float) -> float:
        """Probability of an index at least this large without drift."""
        from scipy.special import gammaincc

        if self.variance <= (1e-9 * self.mean) ** 2:
            return 1.0 if psi <= self.mean * (1 + 1e-9) else 0.0
        shape = self.mean**2 / self.variance
        return float(gammaincc(shape, psi * shape / self.mean))


def chance(
    reference: np.ndarray, users: int, current_rows: int, excess: float, seed: int
) -> Chance:
    """Resample both periods from the reference shares, at their real sizes.

    The shares are smoothed like those of the index: what the reference has never seen is rare and
    not impossible.

    Parameters
    ----------
    reference : array of float, shape (bins,)
        Users per bin of the reference days.
    users : int
        Their number.
    current_rows : int
        Users of the day.
    excess : float
        How much the index of a reference day against the others exceeds what chance explains:
        ordinary days differ, too. It makes the day count as correspondingly fewer users.
    seed : int
    """
    counts, p = np.asarray(reference, dtype=np.float64), shares(reference)
    free = max(int((counts > 0).sum()) - 1, 1)
    effective = max(1, round(1 / (1 / max(current_rows, 1) + excess / free)))
    rng = np.random.default_rng(seed)
    before = rng.multinomial(max(users, 1), p, DRAWS)
    now = rng.multinomial(effective, p, DRAWS)
    drawn = parts(before, now).sum(axis=1)
    return Chance(float(drawn.mean()), float(drawn.var(ddof=1)))


def excess_between_days(per_day: np.ndarray, users: np.ndarray, alike: np.ndarray) -> float:
    """Mean index of a reference day against the days like it, less what chance explains.

    For K occupied bins and samples of n and m rows chance explains (K - 1)(1/n + 1/m), the mean of
    the index's chi-square limit (Yurdakul & Naranjo 2020, Journal of Risk Model Validation 14(4)).

    Parameters
    ----------
    per_day : array of int, shape (days, bins)
    users : array of int, shape (days,)
        Different users among the days like each day.
    alike : array of bool, shape (days, days)
        Row i marks the days that day i is compared with; none means that it is left out.
    """
    rest = alike.astype(np.int64) @ per_day
    usable = (rest.sum(axis=1) > 0) & (per_day.sum(axis=1) > 0)
    if not usable.any():
        return 0.0
    now, before = per_day[usable], rest[usable]
    found = parts(before, now).sum(axis=1)
    free = np.maximum((before + now > 0).sum(axis=1) - 1, 1)
    by_chance = free * (1 / now.sum(axis=1) + 1 / np.maximum(users[usable], 1))
    return float(max(np.mean(found - by_chance), 0.0))


def discoveries(p_values: np.ndarray, rate: float) -> np.ndarray:
    """Which of many p-values count, with the false discovery rate held at `rate`.

    Benjamini & Hochberg 1995 (J. R. Stat. Soc. B 57, section 3.1). Where no column has moved every
    discovery is false, so `rate` then bounds the probability of any alarm.

    Parameters
    ----------
    p_values : array of float, shape (n,)
    rate : float

    Returns
    -------
    array of bool, shape (n,)
    """
    if len(p_values) == 0:
        return np.zeros(0, dtype=bool)
    order = np.argsort(p_values, kind="stable")
    passed = p_values[order] <= rate * np.arange(1, len(order) + 1) / len(order)
    if not passed.any():
        return np.zeros(len(order), dtype=bool)
    return np.asarray(p_values <= p_values[order][np.flatnonzero(passed)[-1]])
