"""Logistic regression on the linear matrix, with real probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_mlops.params import Training
from churn_mlops.registry.meta import Linear
from churn_mlops.training.fitted import Fitted

FAMILY = "logistic_regression"


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

    def log_odds(self, matrix: np.ndarray) -> np.ndarray:
        """Log-odds computed on standardised columns, float64 of shape (n,)."""
        base = self.intercept + self.means @ self.coefficients
        standard = (matrix - self.means) / self.scales
        return np.asarray(base + standard @ (self.coefficients * self.scales))

    def fitted(self) -> Fitted:
        """The model as every family gives it."""
        import sklearn

        linear = Linear(
            intercept=self.intercept,
            coefficients=tuple(self.coefficients.tolist()),
            means=tuple(self.means.tolist()),
        )
        facts = {"iterations": self.iterations, "converged": self.converged}
        return Fitted(FAMILY, linear, self.log_odds, facts, {"scikit_learn": sklearn.__version__})


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
