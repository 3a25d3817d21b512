from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.params import Training
from churn_mlops.registry.bundle import open_model, score
from churn_mlops.training.logistic import fit_logistic, to_onnx


def data(n=20_000, seed=0):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, 3)) * [1, 100, 0.01] + [0, 50, 3]
    log_odds = -3 + matrix[:, 0] + 0.01 * (matrix[:, 1] - 50)
    labels = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.int8)
    return matrix.astype(np.float32), labels


def test_balanced_weights_still_give_real_probabilities():
    matrix, labels = data()
    plain = fit_logistic(matrix, labels, Training(class_weight=None))
    balanced = fit_logistic(matrix, labels, Training(class_weight="balanced"))
    assert np.mean(labels) < 0.1
    for model in (plain, balanced):
        assert np.mean(model.predict(matrix)) == pytest.approx(np.mean(labels), rel=0.1)
    gap = np.abs(balanced.predict(matrix) - plain.predict(matrix))
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


def test_onnx_agrees_and_a_row_does_not_depend_on_the_others():
    matrix, labels = data(5000)
    model = fit_logistic(matrix, labels, Training())
    session = open_model(to_onnx(model), 3)
    together = score(session, matrix)
    assert np.max(np.abs(together - model.predict(matrix))) < 1e-6
    alone = np.array([score(session, row[None])[0] for row in matrix[:500]])
    np.testing.assert_array_equal(alone, together[:500])


def test_the_same_data_gives_the_same_bytes():
    assert to_onnx(fit_logistic(*data(500), Training())) == to_onnx(
        fit_logistic(*data(500), Training())
    )
