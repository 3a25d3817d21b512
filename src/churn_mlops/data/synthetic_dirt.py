"""Bad rows, mixed in reproducibly: what a real log has and a validator should find.

The clean rows keep their values and ids. Copies of random ones are spoilt and added with ids of
their own; late rows only move to the batch of a later day.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from churn_mlops.data.synthetic_dynamics import Latent
from churn_mlops.data.synthetic_log import (
    BLOCK_ID,
    DAY_ID,
    EVENT_TYPES,
    PAID,
    QUIZ,
    SECONDS_PER_DAY,
    VIDEO,
    Events,
)
from churn_mlops.data.synthetic_population import Population
from churn_mlops.data.synthetic_signups import Ints
from churn_mlops.data.synthetic_streams import Purpose, stream
from churn_mlops.params.tree import Synthetic

MAX_DELAY_DAYS = 3
UNKNOWN_USER_ID = 900_000_000_001
UNKNOWN_TYPE = "teleport"
ALL_TYPES = (*EVENT_TYPES, UNKNOWN_TYPE)
FAR_FUTURE = date(2099, 1, 1)
IMPOSSIBLE = (
    "negative minutes",
    "score of 150",
    "event before sign-up",
    "date in 2099",
    "unknown event type",
    "payment without amount",
)
UNKNOWN_PLACE, IMPOSSIBLE_PLACE = 600_000, 800_000
"""Where in a day's range of ids the added rows begin."""


def delays(events: Events, synthetic: Synthetic, block: int, latent: Latent) -> Ints:
    """Days by which each event of a day reaches the log late; 0 for most."""
    chance = stream(synthetic.seed, Purpose.LATE, block, latent.day).random((len(events), 2))
    days = 1 + (chance[:, 1] * MAX_DELAY_DAYS).astype(np.int64)
    usual, delayed = synthetic.dirt.late, latent.now.delayed
    late = usual + (1.0 - usual) * delayed
    return np.where(chance[:, 0] < late, days, 0)


def bad_rows(events: Events, synthetic: Synthetic, population: Population, day: int) -> Events:
    """Duplicates, events of unknown users and impossible values to add to a day's batch.

    Parameters
    ----------
    events : Events
        The recorded events of the day.
    synthetic : Synthetic
        ``seed`` and ``dirt`` are read; shares are relative to the number of events.
    population : Population
        The block.
    day : int

    Returns
    -------
    Events
        The rows to add, in the order above.
    """
    dirt, block = synthetic.dirt, population.block
    first_id = day * DAY_ID + block * BLOCK_ID

    def picked(purpose: Purpose, share: float) -> tuple[Events, np.random.Generator]:
        draws = stream(synthetic.seed, purpose, block, day)
        return events.take(draws.random(len(events)) < share), draws

    duplicates, _ = picked(Purpose.DUPLICATES, dirt.duplicates)
    strangers, draws = picked(Purpose.UNKNOWN_USERS, dirt.unknown_users)
    strangers = replace(
        strangers,
        event_id=first_id + UNKNOWN_PLACE + np.arange(len(strangers)),
        user_id=UNKNOWN_USER_ID + draws.integers(0, 1_000_000, len(strangers)),
    )
    spoilt, _ = picked(Purpose.IMPOSSIBLE_VALUES, dirt.impossible_values)
    spoilt = replace(spoilt, event_id=first_id + IMPOSSIBLE_PLACE + np.arange(len(spoilt)))
    return Events.concat([duplicates, strangers, _spoil(spoilt, population, day)])


def _spoil(events: Events, population: Population, day: int) -> Events:
    """Make each row impossible in one way, in rotation."""
    way = (np.arange(len(events)) + day) % len(IMPOSSIBLE)
    minutes, score, before, future, unknown, unpaid = (way == n for n in range(len(IMPOSSIBLE)))
    signup = population.signup[events.user_id - population.first_id]
    far = (FAR_FUTURE - population.start).days * SECONDS_PER_DAY
    of_day = events.time % SECONDS_PER_DAY
    kind = events.kind.copy()
    kind[minutes], kind[score], kind[unpaid] = VIDEO, QUIZ, PAID
    kind[unknown] = ALL_TYPES.index(UNKNOWN_TYPE)
    plain = before | future | unknown
    return replace(
        events,
        time=np.select(
            [before, future],
            [(signup - 1) * SECONDS_PER_DAY + of_day, far + of_day],
            events.time,
        ),
        kind=kind,
        minutes=np.where(minutes, -12.5, np.where(plain, events.minutes, np.nan)),
        score=np.where(score, 150.0, np.where(plain, events.score, np.nan)),
        amount=np.where(plain, events.amount, np.nan),
    )
