"""The synthetic e-learning portal: users and events, and the best forecast there can be.

The rows of a day do not depend on how many days are generated, so that a log can be continued
day by day. ``docs/synthetic.md`` describes the model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from churn_mlops.data.synthetic_dirt import ALL_TYPES, MAX_DELAY_DAYS, bad_rows, delays
from churn_mlops.data.synthetic_drift import check_drift
from churn_mlops.data.synthetic_dynamics import Latent, replay
from churn_mlops.data.synthetic_events import draw_events, recorded
from churn_mlops.data.synthetic_log import EVENT_TYPES, Events, events_table
from churn_mlops.data.synthetic_oracle import silence_probability
from churn_mlops.data.synthetic_population import (
    Population,
    draw_population,
    users_table,
)
from churn_mlops.data.synthetic_signups import signups
from churn_mlops.params.tree import Synthetic

__all__ = [
    "ACTIVE_EVENTS",
    "BLOCK_USERS",
    "EVENT_TYPES",
    "Block",
    "blocks",
    "inactivity_probability",
    "user_count",
]

ACTIVE_EVENTS = EVENT_TYPES[:4]
"""Any of these makes a day active: login, course_enroll, video_watch, quiz_attempt."""

BLOCK_USERS = 8_192
"""Users drawn at once. Results depend on it, which is why it is no parameter."""

SPAN_DAYS = 60
"""Days held in memory at once; results do not depend on it."""


@dataclass(frozen=True)
class Block:
    """Rows of one block of users over a span of days.

    Attributes
    ----------
    users : pa.Table
        Those who signed up in the span (with day 0 also those from before), by user_id.
    events : pa.Table
        By day of arrival, then user and time; a day's dirt comes last.
    """

    users: pa.Table
    events: pa.Table


def user_count(synthetic: Synthetic, start: date, day: int) -> int:
    """Count the users who have signed up by the end of a day.

    Parameters
    ----------
    synthetic : Synthetic
        ``users`` have signed up by day 119; the rate stays the same afterwards, unless a new
        market is among ``drift``.
    start : date
        First day of the log.
    day : int
        Day of the log, 0 being its first.

    Raises
    ------
    ValueError
        The day is negative, or there are no users.
    """
    _check(synthetic, day)
    return int(signups(synthetic.users, start, day, synthetic.drift)[-1])


def blocks(
    synthetic: Synthetic,
    start: date,
    first_day: int = 0,
    last_day: int | None = None,
    block_users: int = BLOCK_USERS,
) -> Iterator[Block]:
    """Generate users and events, a block of users and at most `SPAN_DAYS` days at a time.

    Parameters
    ----------
    synthetic : Synthetic
        The portal's parameters.
    start : date
        First day of the log; day 0.
    first_day, last_day : int, optional
        Only what arrives on these days, both included; from the first to the last of
        ``synthetic.days`` unless told. `last_day` may go beyond.
    block_users : int, optional
        Users per block. Another size makes another portal.

    Yields
    ------
    Block
        Ordered by block of users, then by days.

    Raises
    ------
    ValueError
        Impossible days, shares, seed or drift.
    """
    last = synthetic.days - 1 if last_day is None else last_day
    _check(synthetic, first_day)
    if last < first_day:
        raise ValueError(f"last_day {last} lies before first_day {first_day}")
    if block_users < 1:
        raise ValueError(f"block_users {block_users} is not positive")
    return _blocks(synthetic, start, first_day, last, block_users)


def inactivity_probability(
    synthetic: Synthetic,
    start: date,
    day: int,
    window_days: int,
    block_users: int = BLOCK_USERS,
) -> pa.Table:
    """Compute the generator's own probability that a user has no active day in a window.

    It knows the hidden state of every user, so that no model of observable history can beat it
    in the long run. An active day has one of `ACTIVE_EVENTS`, recorded or not.

    Parameters
    ----------
    synthetic : Synthetic
        The portal's parameters.
    start : date
        First day of the log; day 0.
    day : int
        The day at whose end the forecast is made.
    window_days : int
        Length of the window ``(day, day + window_days]``, days.
    block_users : int, optional
        As for `blocks`.

    Returns
    -------
    pa.Table
        user_id and probability, for all who have signed up by `day`, by user_id.

    Raises
    ------
    ValueError
        The day is negative or the window shorter than a day.
    """
    _check(synthetic, day)
    if window_days < 1:
        raise ValueError(f"window_days {window_days} is shorter than a day")
    ids, chances = [], []
    for population in _populations(synthetic, start, day, block_users):
        latent = deque(replay(population, synthetic, day), maxlen=1).pop()
        ids.append(population.first_id + np.arange(len(latent)))
        chances.append(silence_probability(population, synthetic, latent, window_days))
    return pa.table({"user_id": np.concatenate(ids), "probability": np.concatenate(chances)})


def _check(synthetic: Synthetic, day: int) -> None:
    if day < 0:
        raise ValueError(f"day {day} lies before the log")
    if synthetic.users < 1 or synthetic.days < 1:
        raise ValueError(f"no portal with {synthetic.users} users and {synthetic.days} days")
    if not 0 <= synthetic.seed < 2**64:
        raise ValueError(f"seed {synthetic.seed} is not in [0, 2**64)")
    shares = {
        "paid_share": synthetic.paid_share,
        "dirt.duplicates": synthetic.dirt.duplicates,
        "dirt.late": synthetic.dirt.late,
        "dirt.unknown_users": synthetic.dirt.unknown_users,
        "dirt.impossible_values": synthetic.dirt.impossible_values,
    }
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} {share} is not in [0, 1]")
    check_drift(synthetic.drift, EVENT_TYPES)


def _populations(
    synthetic: Synthetic, start: date, last_day: int, block_users: int
) -> Iterator[Population]:
    users = user_count(synthetic, start, last_day)
    for block in range(-(-users // block_users)):
        yield draw_population(synthetic, start, last_day, block, block_users)


def _blocks(
    synthetic: Synthetic, start: date, first_day: int, last_day: int, block_users: int
) -> Iterator[Block]:
    for population in _populations(synthetic, start, last_day, block_users):
        span: list[Events] = []
        begin = first_day
        for day, batch in _batches(population, synthetic, first_day, last_day):
            span.append(batch)
            if day == last_day or len(span) == SPAN_DAYS:
                yield Block(
                    users_table(population, begin, day),
                    events_table(Events.concat(span), np.datetime64(start, "D"), ALL_TYPES),
                )
                span, begin = [], day + 1


_reached: dict[tuple[object, ...], Latent] = {}
"""Where the last portals were left, so that a log that goes on day by day need not be replayed."""


def _block_of(population: Population, synthetic: Synthetic) -> tuple[object, ...]:
    portal = synthetic.model_dump_json(exclude={"days"})
    return portal, population.start, population.block, population.first_id


def _recall(population: Population, synthetic: Synthetic, before: int) -> Latent | None:
    """The end of a day before the one that is wanted, if it is still known."""
    latent = _reached.get(_block_of(population, synthetic))
    return latent if latent is not None and latent.day < before else None


def _remember(population: Population, synthetic: Synthetic, latent: Latent) -> None:
    key = _block_of(population, synthetic)
    if _reached and next(iter(_reached))[:2] != key[:2]:
        _reached.clear()
    _reached[key] = latent


def _batches(
    population: Population, synthetic: Synthetic, first_day: int, last_day: int
) -> Iterator[tuple[int, Events]]:
    """What reaches the log on each day: the day's own events, its dirt, then late ones."""
    waiting: dict[int, list[Events]] = {}
    # Days before the first are drawn only as far as their late rows may still arrive.
    begin = max(first_day - MAX_DELAY_DAYS, 0)
    for latent in replay(population, synthetic, last_day, _recall(population, synthetic, begin)):
        if latent.day == last_day - MAX_DELAY_DAYS:
            _remember(population, synthetic, latent)
        if latent.day < begin:
            continue
        happened = draw_events(population, latent, synthetic.seed)
        batch = _delivered(happened, latent, population, synthetic, waiting)
        if latent.day >= first_day:
            yield latent.day, batch


def _delivered(
    happened: Events,
    latent: Latent,
    population: Population,
    synthetic: Synthetic,
    waiting: dict[int, list[Events]],
) -> Events:
    events, dirt = recorded(happened, population, latent, synthetic.seed), synthetic.dirt
    overdue = waiting.pop(latent.day, [])
    shares = (dirt.duplicates, dirt.late, dirt.unknown_users, dirt.impossible_values)
    if not any((*shares, latent.now.delayed, overdue)):
        return events
    delay = delays(events, synthetic, population.block, latent)
    for days in range(1, MAX_DELAY_DAYS + 1):
        waiting.setdefault(latent.day + days, []).append(events.take(delay == days))
    added = bad_rows(events, synthetic, population, latent.day)
    return Events.concat([events.take(delay == 0), added, *overdue])
