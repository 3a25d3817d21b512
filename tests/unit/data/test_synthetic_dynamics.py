from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from churn_mlops.data.synthetic_chain import ENGAGED, FADING, GONE, PAUSED
from churn_mlops.data.synthetic_dynamics import replay
from churn_mlops.data.synthetic_population import draw_population
from churn_mlops.params.tree import Synthetic

START = date(2025, 1, 1)
PORTAL = Synthetic(users=3_000)


@pytest.fixture(scope="module")
def population():
    return draw_population(PORTAL, START, 60, 0, 8_192)


@pytest.fixture(scope="module")
def life(population):
    return list(replay(population, PORTAL, 60))


def test_there_is_one_day_after_the_other_with_all_who_signed_up(population, life):
    days = [latent.day for latent in life]
    assert days == list(range(int(population.signup[0]), 61))
    assert all(len(latent) == population.present(latent.day) for latent in life)


def test_states_move_only_along_the_chain(life):
    for before, after in pairwise(life):
        old, new = before.state.astype(int), after.state[: len(before)].astype(int)
        onward = new == old + 1
        fresh = (old == ENGAGED) & np.isin(new, [ENGAGED, FADING.start, PAUSED.start, GONE])
        ended = np.isin(old, [FADING.stop - 1, GONE]) & (new == GONE)
        assert (onward | fresh | ended | (new == ENGAGED)).all()
        assert (new[old == GONE] == GONE).all()


def test_the_log_starts_with_all_kinds_of_users(life):
    state = next(latent.state for latent in life if latent.day == 0)
    share = np.array(
        [
            (state == ENGAGED).mean(),
            np.isin(state, np.arange(200)[FADING]).mean(),
            np.isin(state, np.arange(200)[PAUSED]).mean(),
            (state == GONE).mean(),
        ]
    )
    assert (share > 0.01).all()
    assert share[0] > 0.4


def test_users_are_active_on_the_day_they_sign_up_and_begin_a_course(population, life):
    for latent in life[-40:]:
        new = population.signup[: len(latent)] == latent.day
        assert latent.active[new].all()
        assert latent.enrolled[new].all()


def test_nobody_is_active_while_away_and_the_fading_begin_nothing(life):
    for latent in life:
        assert not latent.active[latent.state >= PAUSED.start].any()
        assert not latent.enrolled[latent.state != ENGAGED].any()
        assert not latent.charged[latent.state == GONE].any()


def test_courses_end_and_the_next_one_begins(life):
    last = life[-1]
    assert last.courses.max() > 3
    assert (last.courses >= 1).all()
    assert last.studied.max() < 200


def test_a_failed_charge_leaves_the_invoice_unpaid_until_one_succeeds(life):
    failed = succeeded = 0
    for before, after in pairwise(life):
        known = len(before)
        assert after.unpaid[after.charged == 2].all()
        assert not after.unpaid[after.charged == 1].any()
        quiet = after.charged[:known] == 0
        assert (after.unpaid[:known][quiet] == before.unpaid[quiet]).all()
        failed += int((after.charged == 2).sum())
        succeeded += int((after.charged == 1).sum())
    assert 0.05 < failed / (failed + succeeded) < 0.2


def test_an_empty_block_has_no_days():
    nobody = draw_population(PORTAL, START, 0, 99, 8_192)
    assert list(replay(nobody, PORTAL, 10)) == []
