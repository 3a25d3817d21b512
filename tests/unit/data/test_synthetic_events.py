from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from churn_mlops.data.synthetic_chain import ENGAGED, FADING, GONE, PAUSED
from churn_mlops.data.synthetic_drift import Effects
from churn_mlops.data.synthetic_dynamics import replay
from churn_mlops.data.synthetic_events import draw_events, recorded, ticket_chance
from churn_mlops.data.synthetic_log import (
    ENROLL,
    LOGIN,
    PAID,
    QUIZ,
    SECONDS_PER_DAY,
    TICKET,
    UNPAID,
    VIDEO,
)
from churn_mlops.data.synthetic_population import PLAN_PRICE, draw_population
from churn_mlops.params.tree import Synthetic

START = date(2025, 1, 1)
PORTAL = Synthetic(users=4_000)
DAY = 40


@pytest.fixture(scope="module")
def population():
    return draw_population(PORTAL, START, DAY, 0, 8_192)


@pytest.fixture(scope="module")
def latent(population):
    return list(replay(population, PORTAL, DAY))[-1]


@pytest.fixture(scope="module")
def events(population, latent):
    return draw_events(population, latent, 42)


def counts(events, latent, kind):
    return np.bincount(events.user_id[events.kind == kind] - 1, minlength=len(latent))


def test_an_active_day_has_a_login_and_no_other_day_has_one(events, latent):
    assert ((counts(events, latent, LOGIN) > 0) == latent.active).all()
    study = np.isin(events.kind, [ENROLL, VIDEO, QUIZ])
    assert latent.active[events.user_id[study] - 1].all()


def test_courses_and_charges_are_those_of_the_day(events, latent, population):
    assert (counts(events, latent, ENROLL) == latent.enrolled).all()
    assert (counts(events, latent, PAID) == (latent.charged == 1)).all()
    assert (counts(events, latent, UNPAID) == (latent.charged == 2)).all()
    charged = np.isin(events.kind, [PAID, UNPAID])
    price = PLAN_PRICE[population.plan[events.user_id - 1]]
    assert (events.amount[charged] == price[charged]).all()
    assert np.isnan(events.amount[~charged]).all()


def test_measures_belong_to_their_types_and_are_possible(events):
    video, quiz = events.kind == VIDEO, events.kind == QUIZ
    assert (np.isnan(events.minutes) == ~video).all()
    assert (np.isnan(events.score) == ~quiz).all()
    assert ((events.minutes[video] >= 0.5) & (events.minutes[video] <= 240)).all()
    assert ((events.score[quiz] >= 0) & (events.score[quiz] <= 100)).all()
    for values in (events.minutes[video], events.score[quiz]):
        assert (values == np.round(values, 1)).all()
    assert ((events.course >= 0) == np.isin(events.kind, [ENROLL, VIDEO, QUIZ])).all()


def test_rows_are_in_order_within_the_day_with_ids_that_count_up(events):
    assert (events.time // SECONDS_PER_DAY == DAY).all()
    assert (np.diff(events.event_id) == 1).all()
    key = (events.user_id - 1) * SECONDS_PER_DAY * 100 + events.time
    assert (np.diff(key) >= 0).all()


def test_who_fades_watches_less_and_scores_less(population, latent):
    hour = [
        draw_events(
            population,
            replace(
                latent,
                state=np.full(len(latent), state, np.int8),
                active=np.ones(len(latent), bool),
            ),
            1,
        )
        for state in (ENGAGED, FADING.start + 13, FADING.stop - 1)
    ]
    minutes = [np.nanmean(events.minutes) for events in hour]
    scores = [np.nanmean(events.score) for events in hour]
    videos = [(events.kind == VIDEO).sum() for events in hour]
    for falling in (minutes, scores, videos):
        assert falling[0] > falling[1] > falling[2]


def test_tickets_come_before_leaving_and_with_unpaid_invoices():
    state = np.array([ENGAGED, FADING.start, PAUSED.start, GONE], np.int8)
    engaged, fading, paused, gone = ticket_chance(state, np.zeros(4, bool))
    assert fading > 5 * engaged > paused > gone == 0
    unpaid = ticket_chance(state, np.ones(4, bool))
    assert (unpaid[:3] > 0.05).all()
    assert unpaid[3] == 0


def test_tickets_are_about_as_frequent_as_their_chance(events, latent):
    expected = ticket_chance(latent.state, latent.unpaid).sum()
    assert abs((events.kind == TICKET).sum() - expected) < 5 * np.sqrt(expected)


def test_tracking_faults_leave_all_other_rows_alone(events, population, latent):
    assert recorded(events, population, latent, 42) is events
    lossy = replace(latent, now=Effects(untracked=frozenset({"video_watch"})))
    kept = recorded(events, population, lossy, 42)
    assert (kept.event_id == events.event_id[events.kind != VIDEO]).all()
    wrong_unit = replace(latent, now=Effects(minutes_factor=60.0))
    seconds = recorded(events, population, wrong_unit, 42)
    video = events.kind == VIDEO
    assert np.allclose(seconds.minutes[video], 60 * events.minutes[video])
    assert (seconds.event_id == events.event_id).all()


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_mixed_up_users_get_events_of_others_and_nothing_else_changes(
    events, population, latent, share
):
    mixed = recorded(events, population, replace(latent, now=Effects(mixed_up=share)), 42)
    assert (np.diff(mixed.user_id) >= 0).all()
    place = np.argsort(mixed.event_id)
    back = mixed.take(place)
    assert (back.time == events.time).all()
    assert (back.kind == events.kind).all()
    assert (back.user_id != events.user_id).mean() == pytest.approx(share, abs=0.03)
    known = population.first_id + np.arange(len(latent))
    assert np.isin(mixed.user_id, known).all()
    if share == 1.0:
        # Those who are gone get as many as anybody.
        gone = known[latent.state == GONE]
        assert np.isin(mixed.user_id, gone).mean() == pytest.approx(
            len(gone) / len(known), abs=0.03
        )


def test_a_price_change_shows_in_the_amounts(population, latent):
    dear = draw_events(population, replace(latent, now=Effects(price=1.5)), 42)
    assert set(dear.amount[~np.isnan(dear.amount)]) <= {14.98, 14.99, 44.98, 44.99}


def test_a_day_without_anything_is_empty(population, latent):
    users = len(latent)
    quiet = replace(
        latent,
        state=np.full(users, GONE, np.int8),
        active=np.zeros(users, bool),
        charged=np.zeros(users, np.int8),
    )
    assert len(draw_events(population, quiet, 42)) == 0
