from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.data.synthetic_signups import HISTORY_DAYS, REFERENCE_DAYS, signups

START = date(2025, 1, 1)


@given(st.integers(1, 200_000), st.integers(0, 400), st.integers(0, 400), st.dates())
def test_counts_do_not_depend_on_the_last_day(users, one, other, start):
    short, long = sorted((one, other))
    counts = signups(users, start, long)
    assert (signups(users, start, short) == counts[: HISTORY_DAYS + short + 1]).all()
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
