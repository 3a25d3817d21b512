"""The generator's own probability that a user falls silent.

Forward recursion over the hidden chain (Rabiner, "A tutorial on hidden Markov models",
Proceedings of the IEEE 77, 1989, section III.A) restricted to paths without an active day:
starting from the known state, every day moves the mass through the chain and keeps the share
``1 - P(active day | state)``; what is left at the end is the probability of silence.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from churn_mlops.data.synthetic_chain import (
    BACK,
    ENGAGED,
    FADING,
    FADING_LOG_ODDS,
    FAILURE_CHANCE,
    GONE,
    PAUSED,
    RETRY_FAILURE_CHANCE,
    Hazards,
    activity_log_odds,
    billing,
    hazards,
)
from churn_mlops.data.synthetic_drift import effects
from churn_mlops.data.synthetic_dynamics import Latent
from churn_mlops.data.synthetic_population import Floats, Population
from churn_mlops.params.tree import Synthetic


def silence_probability(
    population: Population, synthetic: Synthetic, latent: Latent, window_days: int
) -> Floats:
    """Probability of no active day in ``(day, day + window_days]`` given the end of the day.

    Planned drift counts as known, tracking faults do not count: it is about what users do.

    Parameters
    ----------
    population : Population
        One block of users.
    synthetic : Synthetic
        ``drift`` is read.
    latent : Latent
        State of the users at the end of the day.
    window_days : int
        Days.

    Returns
    -------
    float64 array
        One probability per user present.
    """
    users = len(latent)
    # mass[unpaid, state, user]: P(silent so far, in this state); the gone stay silent for ever.
    mass = np.zeros((2, GONE + 1, users))
    mass[latent.unpaid.astype(np.int64), latent.state, np.arange(users)] = 1.0
    faded = FADING_LOG_ODDS * np.arange(1 + FADING.stop - FADING.start)[:, None]
    for ahead in range(1, window_days + 1):
        on = latent.on + timedelta(days=ahead)
        now = effects(synthetic.drift, on)
        mass = _move(mass, hazards(population, users, latent.day + ahead, now))
        mass = _bill(mass, population, users, on)
        odds = activity_log_odds(population, users, on, now)
        # 1 - logistic(x) = 1 / (1 + exp(x)); the away and the gone are silent anyway.
        mass[:, : FADING.stop] /= 1.0 + np.exp(odds + faded)
    silent: Floats = mass.sum(axis=(0, 1))
    return np.minimum(silent, 1.0)


def _move(mass: Floats, rates: Hazards) -> Floats:
    """One step of the chain for the whole distribution."""
    after = np.empty_like(mass)
    fading_back = BACK[FADING][:, None] * rates.recovery
    paused_back = BACK[PAUSED][:, None]
    for unpaid in (0, 1):
        old, new = mass[unpaid], after[unpaid]
        fade, pause, leave = rates.out(bool(unpaid))
        engaged = old[ENGAGED]
        recovered, returned = old[FADING] * fading_back, old[PAUSED] * paused_back
        fading, paused = old[FADING] - recovered, old[PAUSED] - returned
        new[ENGAGED] = (
            engaged * (1.0 - fade - pause - leave) + recovered.sum(axis=0) + returned.sum(axis=0)
        )
        new[FADING.start] = engaged * fade
        new[FADING.start + 1 : FADING.stop] = fading[:-1]
        new[PAUSED.start] = engaged * pause
        new[PAUSED.start + 1 : PAUSED.stop] = paused[:-1]
        new[GONE] = old[GONE] + fading[-1] + engaged * leave
    return after


def _bill(mass: Floats, population: Population, users: int, on: date) -> Floats:
    """Charge and retry: mass moves between paid and unpaid in every state."""
    due, retry = billing(population, users, on)
    rows = np.flatnonzero(due)
    total = mass[0][:, rows] + mass[1][:, rows]
    mass[0][:, rows], mass[1][:, rows] = total * (1 - FAILURE_CHANCE), total * FAILURE_CHANCE
    rows = np.flatnonzero(retry & ~due)
    settled = mass[1][:, rows] * (1 - RETRY_FAILURE_CHANCE)
    mass[0][:, rows] += settled
    mass[1][:, rows] -= settled
    return mass
