from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from churn_mlops.data.synthetic_chain import (
    ENGAGED,
    FADING,
    GONE,
    PAUSED,
    activity_chance,
    activity_log_odds,
    hazards,
)
from churn_mlops.data.synthetic_drift import effects
from churn_mlops.data.synthetic_dynamics import replay, step
from churn_mlops.data.synthetic_oracle import silence_probability
from churn_mlops.data.synthetic_population import draw_population
from churn_mlops.params.tree import Drift, Synthetic

START = date(2025, 1, 1)
DAY = 30
PORTAL = Synthetic(
    users=1_200,
    paid_share=0.6,
    drift=(
        Drift(kind="engagement_shift", start=date(2025, 2, 5), strength=0.3),
        Drift(kind="price_change", start=date(2025, 2, 3), end=date(2025, 2, 12), strength=2.0),
        Drift(kind="competitor", start=date(2025, 2, 2), strength=6.0, ramp_days=8),
        Drift(kind="new_market", start=date(2025, 1, 5), strength=3.0),
    ),
)


@pytest.fixture(scope="module")
def population():
    return draw_population(PORTAL, START, DAY, 0, 8_192)


@pytest.fixture(scope="module")
def latent(population):
    return list(replay(population, PORTAL, DAY))[-1]


@pytest.mark.parametrize("window", [1, 12])
def test_agrees_with_monte_carlo(population, latent, window):
    # Equal numbers of users in every part of the chain, half of them with an unpaid invoice.
    users = len(latent)
    state = np.where(np.arange(users) % 2, np.arange(users) // 2 % GONE, ENGAGED).astype(np.int8)
    begin = replace(latent, state=state, unpaid=population.paid & (np.arange(users) % 4 < 2))
    exact = silence_probability(population, PORTAL, begin, window)
    runs = 250
    silent = np.zeros(users)
    for seed in range(runs):
        other = PORTAL.model_copy(update={"seed": 1_000 + seed})
        now, active = begin, np.zeros(users, bool)
        for _ in range(window):
            now = step(population, other, now)
            active |= now.active
        silent += ~active
    spread = np.sqrt(np.maximum(exact * (1 - exact), 1e-9) * runs)
    z = (silent - exact * runs) / np.maximum(spread, 1.0)
    assert np.abs(z).max() < 6
    for group in (state == ENGAGED, state < FADING.stop, state >= PAUSED.start):
        total = (silent - exact * runs)[group].sum() / np.sqrt((spread[group] ** 2).sum())
        assert abs(total) < 4


def test_one_day_ahead_is_what_one_writes_down_by_hand(population, latent):
    users = len(latent)
    engaged = replace(latent, state=np.zeros(users, np.int8), unpaid=np.zeros(users, bool))
    on = date(2025, 2, 1)
    now = effects(PORTAL.drift, on)
    rates = hazards(population, users, DAY + 1, now)
    odds = activity_log_odds(population, users, on, now)
    stay = activity_chance(odds, np.full(users, ENGAGED, np.int8))
    fade = activity_chance(odds, np.full(users, FADING.start, np.int8))
    away = rates.pause + rates.leave
    by_hand = (1 - rates.fade - away) * (1 - stay) + rates.fade * (1 - fade) + away
    assert np.allclose(silence_probability(population, PORTAL, engaged, 1), by_hand)


def test_who_is_gone_stays_silent_and_longer_windows_are_less_likely_silent(population, latent):
    near, far = (silence_probability(population, PORTAL, latent, days) for days in (7, 30))
    assert near[latent.state == GONE] == pytest.approx(1.0)
    assert far[latent.state == GONE] == pytest.approx(1.0)
    assert (far <= near + 1e-12).all()
    assert ((far >= 0) & (far <= 1)).all()


def test_the_chance_of_silence_grows_while_fading(population, latent):
    users = len(latent)
    chances = [
        silence_probability(
            population, PORTAL, replace(latent, state=np.full(users, state, np.int8)), 30
        ).mean()
        for state in (ENGAGED, FADING.start, FADING.start + 10, FADING.stop - 1)
    ]
    assert (np.diff(chances) > 0).all()
