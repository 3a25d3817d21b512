"""What users leave behind in the log on one day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from churn_mlops.data.synthetic_chain import ENGAGED, FADED_DAYS, GONE, IS_FADING, Flags, States
from churn_mlops.data.synthetic_dynamics import Latent
from churn_mlops.data.synthetic_log import (
    BLOCK_ID,
    COURSES,
    DAY_ID,
    EVENT_TYPES,
    LOGIN,
    PAID,
    QUIZ,
    SECONDS_PER_DAY,
    TICKET,
    UNPAID,
    VIDEO,
    Events,
)
from churn_mlops.data.synthetic_population import (
    COUNTRY_UTC_HOURS,
    PLAN_PRICE,
    Floats,
    Population,
)
from churn_mlops.data.synthetic_signups import Ints
from churn_mlops.data.synthetic_streams import Purpose, stream

MORE_LOGINS, VIDEOS, QUIZZES = 0.25, 2.0, 0.6
"""Mean number per active day of an engaged user."""
FADING_INTENSITY = -0.06
FADING_MINUTES = -0.05
FADING_SCORE = -1.0
"""Change per day of fading: of log number, of log length, and of points."""
MINUTES_SPREAD, SCORE_SPREAD = 0.25, 6.0
TICKET_CHANCE = {"engaged": 0.004, "fading": 0.04, "away": 0.0005, "unpaid": 0.10}
EVENING_HOUR, EVENING_SPREAD = 19.0, 2.5
SESSION_SECONDS = 7_200


def draw_events(population: Population, latent: Latent, seed: int) -> Events:
    """Draw all events of a day, whether they are recorded or not.

    Parameters
    ----------
    population : Population
        One block of users.
    latent : Latent
        The day that they had.
    seed : int

    Returns
    -------
    Events
        Ordered by user, time and type.
    """
    block, day = population.block, latent.day
    parts = [
        _sessions(population, latent, stream(seed, Purpose.SESSIONS, block, day)),
        _charges(population, latent, stream(seed, Purpose.CHARGES, block, day)),
        _tickets(latent, stream(seed, Purpose.TICKETS, block, day)),
    ]
    events = Events.concat(parts)
    order = np.lexsort((events.kind, events.user_id * SECONDS_PER_DAY + events.time))
    events = events.take(order)
    return replace(
        events,
        event_id=day * DAY_ID + block * BLOCK_ID + 1 + np.arange(len(events)),
        user_id=events.user_id + population.first_id,
        time=events.time + day * SECONDS_PER_DAY,
    )


def recorded(events: Events, population: Population, latent: Latent, seed: int) -> Events:
    """What the tracking of the day makes of the events: lost types, wrong units and users."""
    now = latent.now
    if now.untracked:
        lost = [EVENT_TYPES.index(name) for name in now.untracked]
        events = events.take(~np.isin(events.kind, lost))
    if now.minutes_factor != 1.0:
        events = replace(events, minutes=np.round(events.minutes * now.minutes_factor, 1))
    if now.mixed_up:
        draws = stream(seed, Purpose.MIXED_UP, population.block, latent.day)
        wrong = draws.random(len(events)) < now.mixed_up
        anybody = population.first_id + draws.integers(0, len(latent), len(events))
        events = replace(events, user_id=np.where(wrong, anybody, events.user_id))
        events = events.take(np.lexsort((events.kind, events.time, events.user_id)))
    return events


def _rows(
    user: Ints,
    time: Ints,
    kind: States,
    course: States | None = None,
    minutes: Floats | None = None,
    score: Floats | None = None,
    amount: Floats | None = None,
) -> Events:
    """Rows with time in seconds of the day and users by position; ids come later."""
    empty = np.full(len(user), np.nan)
    return Events(
        event_id=user,
        user_id=user,
        time=time,
        kind=kind,
        course=np.full(len(user), -1, np.int8) if course is None else course,
        minutes=empty if minutes is None else minutes,
        score=empty if score is None else score,
        amount=empty if amount is None else amount,
    )


def _sessions(population: Population, latent: Latent, draws: np.random.Generator) -> Events:
    """An evening of study: a login, then videos and quizzes, perhaps a new course."""
    who = np.flatnonzero(latent.active)
    faded = FADED_DAYS[latent.state[who]]
    eager = population.intensity[who] * np.exp(FADING_INTENSITY * faded)
    counts = np.column_stack(
        [
            1 + draws.poisson(MORE_LOGINS * np.minimum(eager, 2.0)),
            latent.enrolled[who],
            draws.poisson(VIDEOS * eager),
            draws.poisson(QUIZZES * eager),
        ]
    )
    kinds = np.tile(np.arange(counts.shape[1], dtype=np.int8), len(who))
    kind = np.repeat(kinds, counts.ravel())
    place = np.repeat(np.arange(len(who)), counts.sum(axis=1))
    user, faded = who[place], faded[place]
    hour = EVENING_HOUR + EVENING_SPREAD * draws.standard_normal(len(who))
    # A session does not run past midnight UTC, where another day of the log would begin.
    begin = (hour - COUNTRY_UTC_HOURS[population.country[who]]) * 3_600
    begin %= SECONDS_PER_DAY - SESSION_SECONDS
    # The first row of a user is the login that opens the session.
    later = np.concatenate([[False], place[1:] == place[:-1]])[: len(place)]
    after = np.where(later, draws.random(len(place)) * SESSION_SECONDS, 0.0)
    time = (begin[place] + after).astype(np.int64)
    spread = draws.standard_normal(len(place))
    minutes = population.minutes[user] * np.exp(FADING_MINUTES * faded + MINUTES_SPREAD * spread)
    score = population.skill[user] + FADING_SCORE * faded + SCORE_SPREAD * spread
    course = (population.first_course[user] + latent.courses[user] - 1) % len(COURSES)
    return _rows(
        user,
        time,
        kind,
        course=np.where(kind == LOGIN, -1, course).astype(np.int8),
        minutes=np.where(kind == VIDEO, np.round(np.clip(minutes, 0.5, 240.0), 1), np.nan),
        score=np.where(kind == QUIZ, np.round(np.clip(score, 0.0, 100.0), 1), np.nan),
    )


def _charges(population: Population, latent: Latent, draws: np.random.Generator) -> Events:
    """The nightly run of the billing system."""
    who = np.flatnonzero(latent.charged)
    kind = np.where(latent.charged[who] == 1, PAID, UNPAID).astype(np.int8)
    amount = np.round(PLAN_PRICE[population.plan[who]] * latent.now.price, 2)
    time = (7_200 + draws.random(len(who)) * 7_200).astype(np.int64)
    return _rows(who, time, kind, amount=amount)


def ticket_chance(state: States, unpaid: Flags) -> Floats:
    """Chance of a support ticket on a day, by state and unpaid invoice."""
    chance = np.full(len(state), TICKET_CHANCE["away"])
    chance[IS_FADING[state]] = TICKET_CHANCE["fading"]
    chance[state == ENGAGED] = TICKET_CHANCE["engaged"]
    chance[unpaid] += TICKET_CHANCE["unpaid"]
    chance[state == GONE] = 0.0
    return chance


def _tickets(latent: Latent, draws: np.random.Generator) -> Events:
    who = np.flatnonzero(draws.random(len(latent)) < ticket_chance(latent.state, latent.unpaid))
    time = (28_800 + draws.random(len(who)) * 43_200).astype(np.int64)
    return _rows(who, time, np.full(len(who), TICKET, np.int8))
