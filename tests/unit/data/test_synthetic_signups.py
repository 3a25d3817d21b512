from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.data.synthetic_signups import HISTORY_DAYS, REFERENCE_DAYS, signups
from churn_mlops.params.tree import Drift

START = date(2025, 1, 1)


def opened(on, ramp_days=0):
    return Drift(kind="new_market", start=on, strength=1.5, ramp_days=ramp_days)


STARTS = st.dates(min_value=date(1970, 1, 1), max_value=date(2100, 1, 1))


@given(st.integers(1, 200_000), st.integers(0, 400), st.integers(0, 400), STARTS, st.booleans())
def test_counts_do_not_depend_on_the_last_day(users, one, other, start, market):
    short, long = sorted((one, other))
    drift = (opened(start + timedelta(days=50), 20),) if market else ()
    counts = signups(users, start, long, drift)
    assert (signups(users, start, short, drift) == counts[: HISTORY_DAYS + short + 1]).all()
    assert (np.diff(counts) >= 0).all()


@pytest.mark.parametrize("users", [1, 4, 5, 2_000, 123_457])
def test_four_fifths_come_before_and_all_by_the_reference_day(users):
    counts = signups(users, START, REFERENCE_DAYS - 1)
    assert counts[HISTORY_DAYS - 1] == users - users // 5
    assert counts[-1] == users


def test_more_recent_days_before_the_log_bring_more():
    before = np.diff(signups(100_000, START, 0)[:HISTORY_DAYS])
    assert before[-28:].sum() > 2 * before[:28].sum()


def test_arrivals_keep_a_weekly_rhythm_at_a_constant_rate():
    arrivals = np.diff(signups(100_000, START, 364))[HISTORY_DAYS:]
    weeks = arrivals[: 51 * 7].reshape(51, 7)
    assert np.ptp(weeks.sum(axis=1)) <= 1
    weekday = (START.weekday() + 1 + np.arange(7)) % 7
    assert weeks.sum(axis=0)[weekday == 0] > 1.2 * weeks.sum(axis=0)[weekday == 5]


def test_a_new_market_adds_to_the_sign_ups_from_its_first_day_on():
    usual = signups(100_000, START, 200)
    more = signups(100_000, START, 200, [opened(START + timedelta(days=60))])
    first = HISTORY_DAYS + 60
    assert (usual[:first] == more[:first]).all()
    added, before = np.diff(more - usual)[first:], np.diff(usual)[first:]
    assert np.abs(added - 1.5 * before).max() <= 2
    # Who came before the log came without it.
    early = signups(100_000, START, 10, [opened(START - timedelta(days=100))])
    assert (early[:HISTORY_DAYS] == usual[:HISTORY_DAYS]).all()
    assert early[-1] > usual[HISTORY_DAYS + 10]
