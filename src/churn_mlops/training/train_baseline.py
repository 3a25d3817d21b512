"""Stage train_baseline: a logistic regression, judged on later days, in a bundle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from churn_mlops.features.catalogue import Feature
from churn_mlops.params import Params
from churn_mlops.registry.encoding import Encoding
from churn_mlops.summary import Summary
from churn_mlops.training import train
from churn_mlops.training.fitted import Fitted
from churn_mlops.training.logistic import fit_logistic
from churn_mlops.training.model import Family
from churn_mlops.training.rows import Rows

STAGE = "train_baseline"


def run(params: Params) -> Summary:
    """Train the baseline; see `churn_mlops.training.train.run`."""
    return train.run(STAGE, BASELINE, params)


def _fit(
    rows: Rows,
    matrix: np.ndarray,
    encoding: Encoding,
    features: Sequence[Feature],
    params: Params,
) -> Fitted:
    return fit_logistic(matrix, rows.labels, params.training).fitted()


BASELINE = Family("baseline", "linear", _fit)
