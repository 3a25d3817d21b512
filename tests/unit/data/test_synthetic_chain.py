from datetime import date, timedelta

import numpy as np
import pytest

from churn_mlops.data.synthetic_chain import (
    BACK,
    ENGAGED,
    FADED_DAYS,
    FADING,
    FADING_DAYS,
    GONE,
    MOST_ACTIVE_LOG_ODDS,
    ONWARD,
    PAUSE_MAX_DAYS,
    PAUSE_MIN_DAYS,
    PAUSED,
    STATES,
    UNPAID_HAZARD,
    activity_chance,
    activity_log_odds,
    billing,
    hazards,
)
from churn_mlops.data.synthetic_drift import Effects
from churn_mlops.data.synthetic_population import draw_population
from churn_mlops.params.tree import Synthetic

START = date(2025, 1, 1)
ALL = np.arange(STATES, dtype=np.int8)


@pytest.fixture(scope="module")
def population():
    return draw_population(Synthetic(users=500), START, 60, 0, 8_192)


def steps_until(state, stop):
    count = 0
    while state != stop:
        state, count = ONWARD[state], count + 1
    return count


def test_fading_ends_in_leaving_for_good():
    assert steps_until(FADING.start, GONE) == FADING_DAYS
    assert ONWARD[GONE] == GONE
    assert BACK[GONE] == BACK[ENGAGED] == 0


def test_pauses_take_one_to_six_weeks_and_end_in_return():
    chance = BACK[PAUSED]
    assert len(chance) == PAUSE_MAX_DAYS
    assert (chance[: PAUSE_MIN_DAYS - 1] == 0).all()
    assert (chance[PAUSE_MIN_DAYS - 1 :] > 0).all()
    assert chance[-1] == 1.0


def test_chances_are_chances(population):
    for price in (0.1, 1.0, 10.0):
        rates = hazards(population, len(population), 60, Effects(price=price))
        out = np.stack(rates.out(True))
        assert (out >= 0).all()
        assert (out.sum(axis=0) < 1).all()
        assert ((rates.recovery > 0) & (rates.recovery <= 1)).all()


def test_hazard_is_higher_when_new_unpaid_on_a_free_plan_or_after_a_price_rise(population):
    users = population.present(0)
    young, old = (hazards(population, users, day, Effects()) for day in (0, 300))
    assert (young.fade > old.fade).all()
    assert np.allclose(old.out(True)[0], UNPAID_HAZARD * old.out(False)[0])
    dear = hazards(population, users, 300, Effects(price=1.5))
    paid = population.paid[:users]
    assert np.allclose((dear.leave - old.leave)[paid], 1.25 * old.fade[paid])
    assert (dear.fade == old.fade).all()
    assert (dear.leave[~paid] == old.leave[~paid]).all()
    cheap = hazards(population, users, 300, Effects(price=0.5))
    assert np.allclose(cheap.fade[paid], 0.25 * old.fade[paid])
    assert old.fade[~paid].mean() > old.fade[paid].mean()


def test_a_competitor_wins_over_the_most_active_at_once(population):
    users = population.present(0)
    usual, won = (hazards(population, users, 300, Effects(rival=rival)) for rival in (1.0, 4.0))
    most = population.log_odds[:users] > MOST_ACTIVE_LOG_ODDS
    assert 0.2 < most.mean() < 0.5
    assert np.allclose((won.leave - usual.leave)[most], 3.0 * usual.fade[most])
    assert (won.leave[~most] == usual.leave[~most]).all()
    assert (won.fade == usual.fade).all()
    assert (won.recovery == usual.recovery).all()
    less = hazards(population, users, 300, Effects(rival=0.5))
    assert (less.leave >= 0).all()


def test_activity_falls_while_fading_and_ceases_when_away():
    chance = activity_chance(np.full(STATES, 0.5), ALL)
    assert chance[ENGAGED] == pytest.approx(1 / (1 + np.exp(-0.5)))
    assert (np.diff(chance[: FADING.stop]) < 0).all()
    assert (chance[PAUSED.start :] == 0).all()
    assert FADED_DAYS[FADING].tolist() == list(range(1, FADING_DAYS + 1))


def test_week_ends_are_quieter_and_drift_shifts_the_odds(population):
    size = len(population)
    monday, sunday = date(2025, 3, 3), date(2025, 3, 9)
    usual = activity_log_odds(population, size, monday, Effects())
    assert (usual > activity_log_odds(population, size, sunday, Effects())).all()
    shifted = activity_log_odds(population, size, monday, Effects(activity_odds=0.5))
    assert np.allclose(np.exp(shifted - usual), 0.5)


def test_everybody_who_pays_is_due_once_a_month_and_retried_after_three_and_seven_days(population):
    size = len(population)
    days = [date(2025, 2, 1) + timedelta(days=n) for n in range(28)]
    due = np.array([billing(population, size, on)[0] for on in days])
    retry = np.array([billing(population, size, on)[1] for on in days])
    assert (due.sum(axis=0) == population.paid).all()
    # Later ones are retried in the next month.
    early = population.billing_day <= 21
    assert (retry.sum(axis=0) == 2 * population.paid)[early].all()
    user = int(np.flatnonzero(population.billing_day == 5)[0])
    assert np.flatnonzero(retry[:, user]).tolist() == [7, 11]
