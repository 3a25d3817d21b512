"""The hidden life of a block of users, replayed day by day from the portal's opening.

The replay is cheap and draws every day from its own streams, so that a log can be continued on
any day without a stored state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from churn_mlops.data.synthetic_chain import (
    BACK,
    ENGAGED,
    FADING,
    FAILURE_CHANCE,
    GONE,
    IS_FADING,
    ONWARD,
    PAUSED,
    RETRY_FAILURE_CHANCE,
    Flags,
    Hazards,
    States,
    activity_chance,
    activity_log_odds,
    billing,
    hazards,
)
from churn_mlops.data.synthetic_drift import Effects, effects
from churn_mlops.data.synthetic_population import Floats, Population
from churn_mlops.data.synthetic_signups import Ints
from churn_mlops.data.synthetic_streams import Purpose, stream
from churn_mlops.params.tree import Synthetic

Scalar = TypeVar("Scalar", bound=np.generic)

COURSE_ACTIVE_DAYS = np.array([10, 14, 18, 12, 24, 16, 20, 30, 12, 15])
"""Active days that each course of the catalogue takes."""


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
    state: States
    unpaid: Flags
    courses: Ints
    studied: Ints
    active: Flags
    enrolled: Flags
    charged: States

    def __len__(self) -> int:
        return len(self.state)


def replay(
    population: Population, synthetic: Synthetic, last_day: int, reached: Latent | None = None
) -> Iterator[Latent]:
    """Live through all days from the portal's opening to `last_day`.

    Parameters
    ----------
    population : Population
        One block of users.
    synthetic : Synthetic
        ``seed`` and ``drift`` are read.
    last_day : int
    reached : Latent, optional
        The end of a day of the same block, to go on from.

    Yields
    ------
    Latent
        One per day from the first on which the block has a user, or after `reached`.
    """
    if not len(population):
        return
    latent = reached
    if latent is None:
        latent = _nobody(population, int(population.signup[0]) - 1)
    for _ in range(latent.day + 1, last_day + 1):
        latent = step(population, synthetic, latent)
        yield latent


def _nobody(population: Population, day: int) -> Latent:
    none, flags = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    codes = np.zeros(0, np.int8)
    on = population.start + timedelta(days=day)
    return Latent(day, on, Effects(), codes, flags, none, none, flags, flags, codes)


def step(population: Population, synthetic: Synthetic, before: Latent) -> Latent:
    """Live through one day: move, be charged, perhaps be active, perhaps begin a course.

    Parameters
    ----------
    population : Population
        One block of users.
    synthetic : Synthetic
        ``seed`` and ``drift`` are read.
    before : Latent
        End of the day before.

    Returns
    -------
    Latent
        End of the day, with those who signed up on it.
    """
    day = before.day + 1
    on = before.on + timedelta(days=1)
    now = effects(synthetic.drift, on)
    known, users = len(before), population.present(day)

    def chance(purpose: Purpose) -> Floats:
        return stream(synthetic.seed, purpose, population.block, day).random(users)

    def grown(values: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
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
        grown(before.unpaid), state, billing(population, users, on), chance(Purpose.BILLING)
    )
    log_odds = activity_log_odds(population, users, on, now)
    active = chance(Purpose.ACTIVITY) < activity_chance(log_odds, state)
    active[known:] = True  # who signs up looks around
    courses, studied = grown(before.courses), grown(before.studied)
    course = (population.first_course[:users] + courses - 1) % len(COURSE_ACTIVE_DAYS)
    finished = (courses == 0) | (studied >= COURSE_ACTIVE_DAYS[course])
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


def _transition(state: States, unpaid: Flags, rates: Hazards, chance: Floats) -> States:
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
    unpaid: Flags, state: States, rounds: tuple[Flags, Flags], chance: Floats
) -> tuple[Flags, States]:
    """Charge who is due, retry what failed; who is gone has cancelled."""
    due, retry = rounds
    stays = state != GONE
    due, retry = due & stays, retry & unpaid & ~due & stays
    failed = (due & (chance < FAILURE_CHANCE)) | (retry & (chance < RETRY_FAILURE_CHANCE))
    tried = due | retry
    charged = np.where(failed, np.int8(2), tried.astype(np.int8))
    return np.where(tried, failed, unpaid), charged
