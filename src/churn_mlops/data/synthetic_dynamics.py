"""How users live on the portal: a hidden Markov chain, one step per day.

A user is engaged, fading for the k-th day, paused for the k-th day, or gone for good; beside it
runs whether the last invoice is unpaid. The chain is discrete in time and its tables are small,
so that simulation and the exact forward recursion of the oracle read the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from churn_mlops.data.synthetic_drift import Effects, effects
from churn_mlops.data.synthetic_population import HISTORY_DAYS, Floats, Ints, Population
from churn_mlops.data.synthetic_streams import Purpose, stream
from churn_mlops.params.tree import Synthetic

Flags = npt.NDArray[np.bool_]

FADING_DAYS = 28
PAUSE_MIN_DAYS, PAUSE_MAX_DAYS = 7, 42

ENGAGED = 0
FADING = slice(1, 1 + FADING_DAYS)
PAUSED = slice(1 + FADING_DAYS, 1 + FADING_DAYS + PAUSE_MAX_DAYS)
GONE = 1 + FADING_DAYS + PAUSE_MAX_DAYS
STATES = GONE + 1

FADE_HAZARD = 0.0035
LEAVE_HAZARD = 0.0001
PAUSE_HAZARD = 0.0015
NEW_USER_HAZARD, NEW_USER_DAYS = 2.0, 14.0
UNPAID_HAZARD = 8.0
RECOVERY_DAYS, RECOVERY_CHANCE = 10, 0.03
RETURN_CHANCE = 0.08

WEEK_LOG_ODDS = np.array([0.10, 0.10, 0.05, 0.0, -0.10, -0.50, -0.40])
FADING_LOG_ODDS = -0.20
"""Change of the log odds of an active day per day of fading."""

FAILURE_CHANCE = 0.08
RETRY_AFTER_DAYS = (3, 7)
RETRY_FAILURE_CHANCE = 0.4

COURSE_ACTIVE_DAYS = np.array([10, 14, 18, 12, 24, 16, 20, 30, 12, 15])
"""Active days that each course of the catalogue takes."""


def _back() -> Floats:
    chance = np.zeros(STATES)
    chance[FADING][:RECOVERY_DAYS] = RECOVERY_CHANCE
    chance[PAUSED][PAUSE_MIN_DAYS - 1 :] = RETURN_CHANCE
    chance[PAUSED][-1] = 1.0
    return chance


def _onward() -> npt.NDArray[np.int8]:
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
    out = population.hazard[:users] * fragile * price
    return Hazards(
        fade=np.minimum(FADE_HAZARD * out, 0.08),
        pause=np.full(users, PAUSE_HAZARD),
        leave=np.minimum(LEAVE_HAZARD * out, 0.02),
        recovery=1.0 / np.maximum(price, 1.0),
    )


def activity_log_odds(population: Population, users: int, on: date, now: Effects) -> Floats:
    """Log odds of an active day while engaged."""
    shift = WEEK_LOG_ODDS[on.weekday()] + np.log(now.activity_odds)
    odds: Floats = population.log_odds[:users] + shift
    return odds


def activity_chance(log_odds: Floats, state: npt.NDArray[np.integer]) -> Floats:
    """Chance of an active day by state: logistic while engaged or fading, else 0."""
    chance = 1.0 / (1.0 + np.exp(-(log_odds + FADING_LOG_ODDS * FADED_DAYS[state])))
    away = (state != ENGAGED) & ~IS_FADING[state]
    chance[away] = 0.0
    return chance


def billing_chances(population: Population, users: int, on: date) -> tuple[Flags, Flags]:
    """Who is due for a first charge on a date, and whose charge is retried if unpaid."""
    day = population.billing_day[:users]
    due = day == on.day
    retry = np.isin(day, [(on - timedelta(days=n)).day for n in RETRY_AFTER_DAYS]) & (day > 0)
    return due, retry


@dataclass(frozen=True)
class Latent:
    """End of a day for all users present, and what happened on it.

    Attributes
    ----------
    day : int
    on : date
    now : Effects
    state : int8 array
        Position in the chain, 0 to `GONE`. Never written to a table.
    unpaid : bool array
        The last invoice is unpaid.
    courses : int64 array
        Courses begun so far.
    studied : int64 array
        Active days in the latest course.
    active, enrolled : bool arrays
        The day is active; a course was begun on it.
    charged : int8 array
        0: no charge today, 1: it succeeded, 2: it failed.
    """

    day: int
    on: date
    now: Effects
    state: npt.NDArray[np.int8]
    unpaid: Flags
    courses: Ints
    studied: Ints
    active: Flags
    enrolled: Flags
    charged: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.state)


def replay(population: Population, synthetic: Synthetic, last_day: int) -> Iterator[Latent]:
    """Live through all days from the portal's opening to `last_day`.

    Parameters
    ----------
    population : Population
        One block of users.
    synthetic : Synthetic
        ``seed`` and ``drift`` are read.
    last_day : int

    Yields
    ------
    Latent
        One per day from the first on which the block has a user.
    """
    if not len(population):
        return
    opening = int(population.signup[0])
    latent = _nobody(population, opening - 1)
    for day in range(opening, last_day + 1):
        latent = _step(population, synthetic, latent)
        yield latent


def _nobody(population: Population, day: int) -> Latent:
    none, flags = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    codes = np.zeros(0, np.int8)
    on = population.start + timedelta(days=day)
    return Latent(day, on, Effects(), codes, flags, none, none, flags, flags, codes)


def _step(population: Population, synthetic: Synthetic, before: Latent) -> Latent:
    day = before.day + 1
    on = before.on + timedelta(days=1)
    now = effects(synthetic.drift, on)
    known, users = len(before), population.present(day)

    def chance(purpose: Purpose) -> Floats:
        return stream(synthetic.seed, purpose, population.block, day).random(users)

    def grown(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        return np.concatenate([values, np.zeros(users - known, values.dtype)])

    state = grown(
        _transition(
            before.state,
            before.unpaid,
            hazards(population, known, day, now),
            chance(Purpose.TRANSITION)[:known],
        )
    )
    unpaid, charged = _charge(
        grown(before.unpaid), state, billing_chances(population, users, on), chance(Purpose.BILLING)
    )
    log_odds = activity_log_odds(population, users, on, now)
    active = chance(Purpose.ACTIVITY) < activity_chance(log_odds, state)
    active[known:] = True  # who signs up looks around
    courses, studied = grown(before.courses), grown(before.studied)
    taken = COURSE_ACTIVE_DAYS[(population.first_course[:users] + courses - 1) % len(COURSE_ACTIVE_DAYS)]
    finished = (courses == 0) | (studied >= taken)
    # The fading do not begin anything new.
    enrolled = active & finished & (state == ENGAGED)
    return Latent(
        day=day,
        on=on,
        now=now,
        state=state,
        unpaid=unpaid,
        courses=courses + enrolled,
        studied=np.where(enrolled, 1, studied + active),
        active=active,
        enrolled=enrolled,
        charged=charged,
    )


def _transition(
    state: npt.NDArray[np.int8], unpaid: Flags, rates: Hazards, chance: Floats
) -> npt.NDArray[np.int8]:
    """One step of the chain, by one uniform number per user."""
    fade, pause, leave = rates.out(unpaid)
    back = BACK[state] * np.where(IS_FADING[state], rates.recovery, 1.0)
    after = np.where(chance < back, np.int8(ENGAGED), ONWARD[state])
    engaged = state == ENGAGED
    after[engaged & (chance < leave + fade + pause)] = PAUSED.start
    after[engaged & (chance < leave + fade)] = FADING.start
    after[engaged & (chance < leave)] = GONE
    return after


def _charge(
    unpaid: Flags, state: npt.NDArray[np.int8], billing: tuple[Flags, Flags], chance: Floats
) -> tuple[Flags, npt.NDArray[np.int8]]:
    """Charge who is due, retry what failed; who is gone has cancelled."""
    due, retry = billing
    stays = state != GONE
    due, retry = due & stays, retry & unpaid & ~due & stays
    failed = (due & (chance < FAILURE_CHANCE)) | (retry & (chance < RETRY_FAILURE_CHANCE))
    tried = due | retry
    charged = np.where(failed, np.int8(2), tried.astype(np.int8))
    return np.where(tried, failed, unpaid), charged


__all__ = ["HISTORY_DAYS", "Hazards", "Latent", "activity_chance", "hazards", "replay"]
