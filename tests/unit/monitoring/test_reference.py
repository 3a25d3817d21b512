from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from churn_mlops.errors import NotEnoughDataError
from churn_mlops.inference.contributions import Contributions
from churn_mlops.monitoring.reference import RISK, reference_for, reference_of
from churn_mlops.registry.profile import Profile, read_profile
from tests.trained import bundle
from tests.unit.monitoring.portal import DAY, IMPORTANCE, REFERENCE_DAYS, reference


def test_every_row_is_in_one_bin_of_its_day():
    made = reference()
    for name, counts in made.per_day.items():
        assert counts.shape == (REFERENCE_DAYS, made.bins[name].count)
        assert (counts.sum(axis=1) == 300).all()


def test_the_risk_is_a_column_of_its_own():
    made = reference()
    assert made.importance == {**IMPORTANCE, RISK: 1.0}
    assert RISK in made.values


def test_like_days_are_those_of_the_weekday():
    (like,) = reference().like(DAY)
    assert like.words == "Wednesdays"
    assert like.days.sum() == 4  # 2 April is a Wednesday, too, but at the start of a month
    assert like.rows.sum() == 4 * 300
    assert 0 < like.users <= like.rows.sum()


def test_one_row_of_each_user():
    made = reference()
    (like,) = made.like(DAY)
    rows = like.one_row_each(made.users, 1)
    assert like.rows[rows].all()
    assert len(np.unique(made.users[rows])) == len(rows) == like.users
    assert (like.one_row_each(made.users, 1) == rows).all()
    assert (like.one_row_each(made.users, 2) != rows).any()


def test_ordinary_days_do_not_differ_beyond_chance():
    assert max(reference().excess.values()) < 0.01


def test_one_day_is_a_reference_too():
    rows = 100
    profile = Profile(
        {"x": np.arange(rows) % 3.0},
        np.repeat(np.datetime64("2025-03-01"), rows),
        np.arange(rows),
        np.linspace(0, 1, rows),
        np.zeros(rows, int),
    )
    made = reference_of(profile, {})
    assert made.like(date(2025, 4, 1))[0].rows.all()
    with pytest.raises(NotEnoughDataError, match="later day"):
        made.like(date(2025, 3, 1))
    assert made.excess["x"] == 0


def test_a_model_has_its_own_reference_which_is_made_once():
    one, other = reference_for(bundle("baseline")), reference_for(bundle("candidate"))
    assert reference_for(bundle("candidate")) is other
    assert one.importance != other.importance
    assert set(other.values) == {*bundle("candidate").meta.feature_names, RISK}
    assert other.importance[RISK] == 1.0


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_importance_is_shared_among_the_features(name):
    meta, profile = bundle(name).meta, read_profile(bundle(name).profile)
    shares = Contributions(meta.model, meta.encoding).importance(profile.columns)
    assert set(shares) == set(bundle(name).meta.feature_names)
    assert sum(shares.values()) == pytest.approx(1)
