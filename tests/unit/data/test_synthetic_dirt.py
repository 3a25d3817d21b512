from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from churn_mlops.data.synthetic_dirt import (
    ALL_TYPES,
    IMPOSSIBLE,
    MAX_DELAY_DAYS,
    UNKNOWN_TYPE,
    UNKNOWN_USER_ID,
    bad_rows,
    delays,
)
from churn_mlops.data.synthetic_drift import Effects
from churn_mlops.data.synthetic_dynamics import replay
from churn_mlops.data.synthetic_events import draw_events
from churn_mlops.data.synthetic_log import PAID, QUIZ, SECONDS_PER_DAY, VIDEO
from churn_mlops.data.synthetic_population import draw_population
from churn_mlops.params.tree import Dirt, Synthetic

START = date(2025, 1, 1)
DAY = 20


@pytest.fixture(scope="module")
def population():
    return draw_population(Synthetic(users=4_000), START, DAY, 0, 8_192)


@pytest.fixture(scope="module")
def latent(population):
    return list(replay(population, Synthetic(users=4_000), DAY))[-1]


@pytest.fixture(scope="module")
def events(population, latent):
    return draw_events(population, latent, 42)


def portal(**shares):
    return Synthetic(users=4_000, dirt=Dirt(**shares))


@pytest.mark.parametrize("kind", ["duplicates", "unknown_users", "impossible_values"])
def test_shares_are_relative_to_the_events(events, population, kind):
    added = bad_rows(events, portal(**{kind: 0.1}), population, DAY)
    assert len(added) == pytest.approx(0.1 * len(events), rel=0.2)
    assert len(bad_rows(events, portal(), population, DAY)) == 0
    assert len(bad_rows(events, portal(**{kind: 1.0}), population, DAY)) == len(events)


def test_duplicates_are_exact(events, population):
    copies = bad_rows(events, portal(duplicates=0.1), population, DAY)
    original = events.take(np.searchsorted(events.event_id, copies.event_id))
    for name in ("event_id", "user_id", "time", "kind", "course"):
        assert (getattr(copies, name) == getattr(original, name)).all()
    for name in ("minutes", "score", "amount"):
        assert np.array_equal(getattr(copies, name), getattr(original, name), equal_nan=True)


def test_unknown_users_have_ids_far_outside_and_new_event_ids(events, population):
    strangers = bad_rows(events, portal(unknown_users=0.1), population, DAY)
    assert (strangers.user_id >= UNKNOWN_USER_ID).all()
    assert not np.isin(strangers.event_id, events.event_id).any()
    assert len(np.unique(strangers.event_id)) == len(strangers)


def test_impossible_values_take_turns(events, population):
    spoilt = bad_rows(events, portal(impossible_values=0.1), population, DAY)
    signup = population.signup[spoilt.user_id - 1]
    future = (date(2099, 1, 1) - START).days
    ways = np.stack(
        [
            (spoilt.kind == VIDEO) & (spoilt.minutes < 0),
            (spoilt.kind == QUIZ) & (spoilt.score == 150),
            spoilt.time // SECONDS_PER_DAY < signup,
            spoilt.time // SECONDS_PER_DAY == future,
            spoilt.kind == ALL_TYPES.index(UNKNOWN_TYPE),
            (spoilt.kind == PAID) & np.isnan(spoilt.amount),
        ]
    )
    assert (ways.sum(axis=0) == 1).all()
    assert np.ptp(ways.sum(axis=1)) <= 1
    assert len(ways) == len(IMPOSSIBLE)
    assert not np.isin(spoilt.event_id, events.event_id).any()


def test_late_rows_wait_some_days(events, latent):
    waiting = delays(events, portal(late=0.2), 0, latent)
    assert set(np.unique(waiting)) == set(range(MAX_DELAY_DAYS + 1))
    assert (waiting > 0).mean() == pytest.approx(0.2, abs=0.02)
    assert (delays(events, portal(), 0, latent) == 0).all()
    trouble = replace(latent, now=Effects(delayed=0.5))
    assert (delays(events, portal(), 0, trouble) > 0).mean() == pytest.approx(0.5, abs=0.02)
    more = delays(events, portal(late=0.2), 0, trouble)
    assert (more > 0).mean() == pytest.approx(0.6, abs=0.02)
    assert (more[waiting > 0] == waiting[waiting > 0]).all()
