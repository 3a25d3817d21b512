from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from churn_mlops.errors import NotEnoughDataError
from churn_mlops.training.split import (
    Split,
    require_enough,
    sampled_rows,
    split_days,
    validation_days,
)

FIRST = date(2025, 1, 1)


def day(n):
    return FIRST + timedelta(days=n)


def counts(n, rows=10):
    return {day(i): rows for i in range(n)}


def params_of(make_params, window=7, **training):
    return make_params({"churn": {"window_days": window}, "training": training})


def test_the_last_share_of_days_is_tested(make_params):
    split = split_days(counts(100), params_of(make_params))
    assert split.test_days == tuple(day(i) for i in range(80, 100))
    assert split.train_days == tuple(day(i) for i in range(73))
    assert split.embargo_days == 7


def test_test_share_is_rounded_up_but_not_by_float_noise(make_params):
    assert len(split_days(counts(100), params_of(make_params, test_size=0.07)).test_days) == 7
    assert len(split_days(counts(101), params_of(make_params, test_size=0.07)).test_days) == 8


@pytest.mark.parametrize(("most", "expected"), [(None, 40), (50, 40), (14, 14), (1, 1)])
def test_no_more_test_days_than_allowed(make_params, most, expected) -> None:
    split = split_days(counts(200), params_of(make_params, test_size=0.2, max_test_days=most))
    assert len(split.test_days) == expected
    assert split.test_days[-1] == max(counts(200))
    embargo = (split.test_days[0] - split.train_days[-1]).days
    assert embargo == split.embargo_days + 1


def test_given_days_win(make_params):
    params = params_of(
        make_params,
        train_start=day(5),
        train_end=day(20),
        test_start=day(60),
        test_end=day(70),
    )
    split = split_days(counts(100), params)
    assert (split.train_days[0], split.train_days[-1]) == (day(5), day(20))
    assert (split.test_days[0], split.test_days[-1]) == (day(60), day(70))


def test_train_end_cannot_shorten_the_embargo(make_params):
    split = split_days(counts(100), params_of(make_params, train_end=day(79)))
    assert split.train_days[-1] == day(72)


def test_snapshots_are_anchored_at_each_first_day(make_params):
    split = split_days(counts(100), params_of(make_params, snapshot_every_days=7))
    assert split.train_days[:3] == (day(0), day(7), day(14))
    assert split.test_days == (day(80), day(87), day(94))


def test_max_rows_keeps_recent_and_evenly_spaced_days(make_params):
    split = split_days(counts(100, rows=100), params_of(make_params, max_rows=1000))
    assert split.train_days[-1] == day(72)
    assert len(split.train_days) == 10
    gaps = np.diff([d.toordinal() for d in split.train_days])
    assert gaps.max() - gaps.min() <= 1
    assert len(split.test_days) == 10


def test_a_single_huge_day_stays(make_params):
    split = split_days(counts(100, rows=5000), params_of(make_params, max_rows=1000))
    assert split.train_days == (day(72),)
    assert split.test_days == (day(99),)


@pytest.mark.parametrize(
    ("days", "training", "words"),
    [
        (9, {}, "no training day is left"),
        (100, {"test_start": date(2026, 1, 1)}, "no test day is left"),
        (100, {"train_start": date(2025, 3, 20)}, "no training day is left"),
        (0, {}, "no mature day"),
    ],
)
def test_too_little_is_an_error_with_numbers_and_a_way_out(make_params, days, training, words):
    with pytest.raises(NotEnoughDataError, match=words) as caught:
        split_days(counts(days), params_of(make_params, **training))
    assert "churn.window_days" in str(caught.value)


def test_the_proposed_number_of_days_suffices(make_params):
    params = params_of(make_params, window=30)
    with pytest.raises(NotEnoughDataError) as caught:
        split_days(counts(30), params)
    needed = int(str(caught.value).split("at least ")[1].split()[0])
    assert split_days(counts(needed - 30), params).train_days


@given(
    present=st.sets(st.integers(0, 250), min_size=1),
    window=st.integers(1, 60),
    size=st.floats(0.01, 0.99),
    every=st.integers(1, 30),
    max_rows=st.integers(100, 5000),
    rows=st.integers(1, 300),
    narrowed=st.tuples(*[st.one_of(st.none(), st.integers(0, 250))] * 4),
)
def test_no_training_label_looks_into_the_test_days(
    make_params, present, window, size, every, max_rows, rows, narrowed
):
    train_start, train_end, test_start, test_end = (n if n is None else day(n) for n in narrowed)
    assume(not (train_start and train_end) or train_start <= train_end)
    assume(not test_end or (test_start is not None and test_start <= test_end))
    params = params_of(
        make_params,
        window=window,
        test_size=size,
        snapshot_every_days=every,
        max_rows=max_rows,
        train_start=train_start,
        train_end=train_end,
        test_start=test_start,
        test_end=test_end,
    )
    table = {day(i): rows for i in present}
    try:
        split = split_days(table, params)
    except NotEnoughDataError:
        return
    assert all(d + timedelta(days=window) < split.test_days[0] for d in split.train_days)
    assert set(split.train_days) | set(split.test_days) <= set(table)
    for days in (split.train_days, split.test_days):
        assert list(days) == sorted(set(days))
        assert len(days) == 1 or len(days) * rows <= max_rows


def test_users_are_sampled_only_above_max_rows_and_always_alike():
    assert sampled_rows(100, 100, seed=1) is None
    kept = sampled_rows(1000, 100, seed=1)
    assert kept.sum() == 100
    assert (kept == sampled_rows(1000, 100, seed=1)).all()
    assert (kept != sampled_rows(1000, 100, seed=2)).any()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([1] * 100, "100 of them churned"),
        ([0] * 100, "0 of them churned"),
        ([0, 1] * 20, "at least 50"),
    ],
)
def test_parts_need_rows_and_both_classes(labels, words):
    split = Split((day(0),), (day(50),), 7)
    with pytest.raises(NotEnoughDataError, match=words):
        require_enough(np.array(labels), "train", split)


def test_enough_is_enough():
    require_enough(np.array([0, 1] * 25), "test", Split((day(0),), (day(50),), 7))
    assert Split((day(0),), (day(50),), 7).facts()["train_first_day"] == "2025-01-01"


def numbered(present):
    return np.datetime64(FIRST) + np.array(sorted(present))


@given(
    present=st.lists(st.integers(0, 250), min_size=1, max_size=60),
    window=st.integers(1, 60),
    share=st.floats(0.01, 0.99),
)
def test_no_fitted_label_looks_into_the_validation_days(make_params, present, window, share):
    params = params_of(make_params, window=window, validation_share=share)
    days = numbered(present)
    try:
        fit, validate = validation_days(days, params)
    except NotEnoughDataError:
        return
    assert fit.any()
    assert validate.any()
    assert not (fit & validate).any()
    assert (days[fit] + np.timedelta64(window, "D")).max() < days[validate].min()
    # What is neither fitted nor validated on lies in the embargo between.
    rest = days[~fit & ~validate]
    assert (rest > days[fit].max()).all()
    assert (rest < days[validate].min()).all()
    span = (days.max() - days.min()).astype(int) + 1
    length = (days.max() - days[validate].min()).astype(int) + 1
    assert length <= np.ceil(span * share)
    assert days[validate].max() == days.max()


def test_the_last_share_of_the_training_days_validates(make_params):
    params = params_of(make_params, window=7, validation_share=0.2)
    fit, validate = validation_days(np.repeat(numbered(range(100)), 3), params)
    assert np.flatnonzero(validate).tolist() == list(range(240, 300))
    assert np.flatnonzero(fit).tolist() == list(range(219))


def test_validation_share_is_rounded_up_but_not_by_float_noise(make_params):
    days = numbered(range(100))
    params = params_of(make_params, validation_share=0.07)
    assert validation_days(days, params)[1].sum() == 7


@pytest.mark.parametrize(("count", "enough"), [(9, False), (10, True)])
def test_too_few_days_to_validate_on_name_the_way_out(make_params, count, enough):
    params = params_of(make_params, window=7, validation_share=0.2)
    days = numbered(range(count))
    if enough:
        assert validation_days(days, params)[0].sum() == 1
        return
    with pytest.raises(NotEnoughDataError, match="too few to validate on") as caught:
        validation_days(days, params)
    assert "training.candidate.rounds" in str(caught.value.fix)
    assert "churn.window_days = 7" in str(caught.value)
