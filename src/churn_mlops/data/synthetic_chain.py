"""The hidden Markov chain that users live in: its states and daily chances.

A user is engaged, fading for the k-th day, paused for the k-th day, or gone for good; beside it
runs whether the last invoice is unpaid. The chain is discrete in time and its tables are small,
so that simulation and the exact forward recursion of the oracle read the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from churn_mlops.data.synthetic_drift import Effects
from churn_mlops.data.synthetic_population import Floats, Population

Flags = npt.NDArray[np.bool_]
States = npt.NDArray[np.int8]

FADING_DAYS = 28
PAUSE_MIN_DAYS, PAUSE_MAX_DAYS = 7, 42

ENGAGED = 0
FADING = slice(1, 1 + FADING_DAYS)
PAUSED = slice(1 + FADING_DAYS, 1 + FADING_DAYS + PAUSE_MAX_DAYS)
GONE = 1 + FADING_DAYS + PAUSE_MAX_DAYS
STATES = GONE + 1

FADE_HAZARD = 0.004
LEAVE_HAZARD = 0.00005
PAUSE_HAZARD = 0.0015
NEW_USER_HAZARD, NEW_USER_DAYS = 2.0, 14.0
UNPAID_HAZARD = 10.0
MOST_ACTIVE_LOG_ODDS = 0.85
"""Who is active on more days of ten than seven."""
MAX_FADE_HAZARD, MAX_LEAVE_HAZARD = 0.05, 0.04
"""Before `UNPAID_HAZARD`; they keep the sum of the ways out below 1."""
RECOVERY_DAYS, RECOVERY_CHANCE = 10, 0.03
RETURN_CHANCE = 0.10

WEEK_LOG_ODDS = np.array([0.10, 0.10, 0.05, 0.0, -0.10, -0.50, -0.40])
FADING_LOG_ODDS = -0.15
"""Change of the log odds of an active day per day of fading."""

FAILURE_CHANCE = 0.08
RETRY_AFTER_DAYS = (3, 7)
RETRY_FAILURE_CHANCE = 0.4


def _back() -> Floats:
    chance = np.zeros(STATES)
    chance[FADING][:RECOVERY_DAYS] = RECOVERY_CHANCE
    chance[PAUSED][PAUSE_MIN_DAYS - 1 :] = RETURN_CHANCE
    chance[PAUSED][-1] = 1.0
    return chance


def _onward() -> States:
    state = np.arange(1, STATES + 1)
    state[ENGAGED] = ENGAGED
    state[FADING][-1] = GONE
    state[GONE] = GONE
    return state.astype(np.int8)


BACK = _back()
"""Daily chance of becoming engaged again, by state; 0 for the engaged themselves."""
ONWARD = _onward()
"""State of the next day if neither the way back nor a way out is taken."""
IS_FADING = np.isin(np.arange(STATES), np.arange(STATES)[FADING])
FADED_DAYS = np.where(IS_FADING, np.arange(STATES), 0)
"""Days of fading so far, by state."""


@dataclass(frozen=True)
class Hazards:
    """Daily chances of the engaged to start fading, to pause and to leave at once.

    Attributes
    ----------
    fade, pause, leave : float64 arrays, one entry per user
        With all invoices paid; an unpaid one multiplies `fade` and `leave` by `UNPAID_HAZARD`.
    recovery : float64 array
        Factor on the chance of the fading to recover.
    """

    fade: Floats
    pause: Floats
    leave: Floats
    recovery: Floats

    def out(self, unpaid: Flags | bool) -> tuple[Floats, Floats, Floats]:
        """Chances to fade, to pause and to leave, given who has an unpaid invoice."""
        factor = np.where(unpaid, UNPAID_HAZARD, 1.0)
        return self.fade * factor, self.pause, self.leave * factor


def hazards(population: Population, users: int, day: int, now: Effects) -> Hazards:
    """Hazards of the first `users` of a block on a day."""
    tenure = day - population.signup[:users]
    fragile = 1.0 + NEW_USER_HAZARD * np.exp(-tenure / NEW_USER_DAYS)
    price = np.where(population.paid[:users], now.hazard, 1.0)
    rival = np.where(population.log_odds[:users] > MOST_ACTIVE_LOG_ODDS, now.rival, 1.0)
    out = population.hazard[:users] * fragile
    # Who leaves because of the price does so at once: behaviour no longer announces it.
    cheaper, dearer = np.minimum(price, 1.0), np.maximum(price, 1.0)
    leave = LEAVE_HAZARD * cheaper + FADE_HAZARD * (dearer - 1.0)
    # Nor do those announce it whom a competitor wins over; they are who seemed the safest.
    leave = leave + FADE_HAZARD * (rival - 1.0)
    return Hazards(
        fade=np.minimum(FADE_HAZARD * out * cheaper, MAX_FADE_HAZARD),
        pause=np.full(users, PAUSE_HAZARD),
        leave=np.clip(leave * out, 0.0, MAX_LEAVE_HAZARD),
        recovery=1.0 / dearer,
    )


def activity_log_odds(population: Population, users: int, on: date, now: Effects) -> Floats:
    """Log odds of an active day while engaged."""
    shift = WEEK_LOG_ODDS[on.weekday()] + np.log(now.activity_odds)
    odds: Floats = population.log_odds[:users] + shift
    return odds


def activity_chance(log_odds: Floats, state: States) -> Floats:
    """Chance of an active day by state: logistic while engaged or fading, else 0."""
    chance: Floats = 1.0 / (1.0 + np.exp(-(log_odds + FADING_LOG_ODDS * FADED_DAYS[state])))
    away = (state != ENGAGED) & ~IS_FADING[state]
    chance[away] = 0.0
    return chance


def billing(population: Population, users: int, on: date) -> tuple[Flags, Flags]:
    """Who is due for a first charge on a date, and whose charge is retried if unpaid."""
    day = population.billing_day[:users]
    due = day == on.day
    retry = np.isin(day, [(on - timedelta(days=n)).day for n in RETRY_AFTER_DAYS]) & (day > 0)
    return due, retry
