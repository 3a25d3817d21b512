"""Logistic regression: fitting, real probabilities, and its form in ONNX."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_mlops.params import Training
from churn_mlops.registry.bundle import INPUT, OUTPUT

OPSET, IR_VERSION = 17, 8


@dataclass(frozen=True)
class Logistic:
    """A fitted model on the matrix as it is: log-odds = intercept + matrix @ coefficients.

    Parameters
    ----------
    intercept : float
    coefficients, means, scales : array of float64, shape (width,)
        `means` and `scales` are the training means and standard deviations of the columns.
    iterations : int
    converged : bool
    """

    intercept: float
    coefficients: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    iterations: int
    converged: bool

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Probability of churn computed on standardised columns, float64 of shape (n,)."""
        base = self.intercept + self.means @ self.coefficients
        standard = (matrix - self.means) / self.scales
        return np.asarray(1 / (1 + np.exp(-(base + standard @ (self.coefficients * self.scales)))))


def fit_logistic(matrix: np.ndarray, labels: np.ndarray, training: Training) -> Logistic:
    """Fit by L-BFGS on standardised columns.

    With ``class_weight: balanced`` the fit sees as many churned as staying users, which shifts
    its log-odds. They are shifted back, so that the result is a real probability: weighting by
    class changes the prior only, and the prior correction of King & Zeng, "Logistic Regression
    in Rare Events Data" (Political Analysis 9, 2001), section 4.2, is

        intercept - ln[((1 - t) / t) (y / (1 - y))]

    with t the true share of churn and y the share after weighting, here one half.

    Parameters
    ----------
    matrix : array of float32, shape (n, width)
    labels : array of 0/1, shape (n,)
    training : Training
        ``class_weight`` and ``baseline``.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    means = matrix.mean(axis=0, dtype=np.float64)
    scales = matrix.std(axis=0, dtype=np.float64)
    scales[scales < 1e-9] = 1.0
    standard = (matrix - means) / scales
    model = LogisticRegression(
        C=training.baseline.c,
        max_iter=training.baseline.max_iter,
        class_weight=training.class_weight,
        solver="lbfgs",
    )
    # One thread: with more, sums of floats could come in another order on another machine.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(standard, labels)
    coefficients = model.coef_[0] / scales
    intercept = float(model.intercept_[0] - means @ coefficients)
    if training.class_weight == "balanced":
        share = float(np.mean(labels))
        intercept += float(np.log(share / (1 - share)))
    iterations = int(model.n_iter_[0])
    converged = iterations < training.baseline.max_iter
    return Logistic(intercept, coefficients, means, scales, iterations, converged)


def to_onnx(model: Logistic) -> bytes:
    """Write the model as ONNX: float32 matrix in, float32 probability out, operators of ai.onnx.

    The sum runs in float64, so that a row's probability does not depend on how many rows are
    scored together: in float32 the order of addition shows in the sixth decimal.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    double, single = TensorProto.DOUBLE, TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [INPUT], ["wide"], to=double),
            helper.make_node("MatMul", ["wide", "coefficients"], ["weighted"]),
            helper.make_node("Add", ["weighted", "intercept"], ["log_odds"]),
            helper.make_node("Sigmoid", ["log_odds"], ["probability"]),
            helper.make_node("Cast", ["probability"], [OUTPUT], to=single),
        ],
        "logistic_regression",
        [helper.make_tensor_value_info(INPUT, single, ["rows", len(model.coefficients)])],
        [helper.make_tensor_value_info(OUTPUT, single, ["rows"])],
        [
            numpy_helper.from_array(model.coefficients.astype(np.float64), "coefficients"),
            numpy_helper.from_array(np.array(model.intercept, dtype=np.float64), "intercept"),
        ],
    )
    proto = helper.make_model(
        graph,
        producer_name="churn-mlops",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    checker.check_model(proto)
    return bytes(proto.SerializeToString(deterministic=True))
