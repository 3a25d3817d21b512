from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.params import Training
from churn_mlops.training.logistic import FAMILY, fit_logistic


def data(n=20_000, seed=0):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, 3)) * [1, 100, 0.01] + [0, 50, 3]
    log_odds = -3 + matrix[:, 0] + 0.01 * (matrix[:, 1] - 50)
    labels = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.int8)
    return matrix.astype(np.float32), labels


def risks(model, matrix):
    return 1 / (1 + np.exp(-model.log_odds(matrix)))


def test_balanced_weights_still_give_real_probabilities():
    matrix, labels = data()
    plain = fit_logistic(matrix, labels, Training(class_weight=None))
    balanced = fit_logistic(matrix, labels, Training(class_weight="balanced"))
    assert np.mean(labels) < 0.1
    for model in (plain, balanced):
        assert np.mean(risks(model, matrix)) == pytest.approx(np.mean(labels), rel=0.1)
    gap = np.abs(risks(balanced, matrix) - risks(plain, matrix))
    assert np.mean(gap) < 0.01


def test_coefficients_come_back_on_the_scale_of_the_matrix():
    model = fit_logistic(*data(), Training(class_weight=None))
    assert model.coefficients[0] == pytest.approx(1, abs=0.1)
    assert model.coefficients[1] == pytest.approx(0.01, abs=0.002)
    assert model.converged


def test_constant_columns_do_no_harm():
    matrix, labels = data(500)
    matrix[:, 2] = 7
    model = fit_logistic(matrix, labels, Training())
    assert np.isfinite(model.coefficients).all()
    assert model.coefficients[2] == 0


def test_too_few_iterations_are_told():
    training = Training.model_validate({"baseline": {"max_iter": 1}})
    assert not fit_logistic(*data(500), training).converged


def test_it_is_told_as_a_linear_model_that_gives_the_same_log_odds():
    matrix, labels = data(5000)
    model = fit_logistic(matrix, labels, Training())
    fitted = model.fitted()
    assert (fitted.family, fitted.trees) == (FAMILY, None)
    linear = fitted.linear
    linear.require_width(3)
    log_odds = linear.intercept + matrix @ np.array(linear.coefficients)
    np.testing.assert_allclose(log_odds, fitted.log_odds(matrix), atol=1e-9)
    np.testing.assert_allclose(linear.means, matrix.mean(axis=0), rtol=1e-5)
    assert fitted.facts["converged"] is True
    assert set(fitted.versions) == {"scikit_learn"}


def test_the_same_data_gives_the_same_model():
    first, second = (fit_logistic(*data(500), Training()).fitted() for _ in range(2))
    assert first.model == second.model
