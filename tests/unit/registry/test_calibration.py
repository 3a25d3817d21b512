from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from churn_mlops.registry.calibration import Calibration

SCORES = st.lists(st.floats(-800, 800), min_size=1, max_size=20).map(np.array)
WEIGHT = st.floats(0, 5)


def test_sigmoid_and_beta_by_hand():
    p = 0.8
    s = np.log(p / (1 - p))
    sigmoid = Calibration(method="sigmoid", parameters=(2.0, -1.0)).apply(np.array([s]))
    assert sigmoid[0] == pytest.approx(1 / (1 + np.exp(1 - 2 * s)))
    beta = Calibration(method="beta", parameters=(2.0, 0.5, 0.3)).apply(np.array([s]))
    odds = p**2 / (1 - p) ** 0.5 * np.exp(0.3)
    assert beta[0] == pytest.approx(odds / (1 + odds))


def test_isotonic_joins_its_points_and_is_flat_beyond():
    curve = Calibration(method="isotonic", log_odds=(-1.0, 0.0, 2.0), logits=(-2.0, -1.0, 1.0))
    found = curve.apply(np.array([-800.0, -1, -0.5, 0, 1, 2, 800]))
    logits = np.array([-2.0, -2.0, -1.5, -1.0, 0.0, 1.0, 1.0])
    assert found == pytest.approx(1 / (1 + np.exp(-logits)))


@given(SCORES)
def test_neutral_parameters_are_the_models_own_probability(s):
    own = 0.5 * (1 + np.tanh(s / 2))
    for method, parameters in (("sigmoid", (1.0, 0.0)), ("beta", (1.0, 1.0, 0.0))):
        found = Calibration(method=method, parameters=parameters).apply(s)
        np.testing.assert_allclose(found, own, atol=1e-12)


@given(SCORES, WEIGHT, WEIGHT, st.floats(-10, 10))
def test_extreme_scores_give_finite_rising_probabilities(s, a, b, c):
    s = np.sort(np.r_[s, -800, 800])
    for method, parameters in (("sigmoid", (a, c)), ("beta", (a, b, c))):
        with np.errstate(all="raise", under="ignore"):
            found = Calibration(method=method, parameters=parameters).apply(s)
        assert np.isfinite(found).all()
        assert ((found >= 0) & (found <= 1)).all()
        assert (np.diff(found) >= -1e-12).all()


def test_what_is_not_a_method_is_refused():
    with pytest.raises(ValidationError):
        Calibration(method="platt")
    with pytest.raises(ValidationError):
        Calibration(method="sigmoid", parameters=(float("nan"), 0.0))
