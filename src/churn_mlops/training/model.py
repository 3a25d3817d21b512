"""One model on one split: fitted, calibrated, exported, and checked against its export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from churn_mlops.errors import BundleError
from churn_mlops.features.catalogue import Feature, model_features
from churn_mlops.params import Params
from churn_mlops.registry.bundle import open_model, score
from churn_mlops.registry.encoding import Encoding, Style
from churn_mlops.training.calibrate import Calibrated, calibrate
from churn_mlops.training.data import Data
from churn_mlops.training.fit_encoding import fit_encoding
from churn_mlops.training.fitted import Fitted
from churn_mlops.training.onnx_graph import to_onnx
from churn_mlops.training.rows import Rows

# Largest difference between the trainer's and ONNX Runtime's probability of a test row.
PARITY = 1e-5

Fit = Callable[[Rows, np.ndarray, Encoding, Sequence[Feature], Params], Fitted]


@dataclass(frozen=True)
class Family:
    """A kind of model: the name of its files, the matrix it reads and how it is fitted."""

    name: str
    style: Style
    fit: Fit


@dataclass(frozen=True)
class Model:
    """A fitted and calibrated model with its exported form."""

    encoding: Encoding
    fitted: Fitted
    calibrated: Calibrated
    onnx: bytes
    session: Any

    def risks(self, rows: Rows) -> np.ndarray:
        """Risks of rows, by the exported model."""
        return score(self.session, self.encoding.encode(rows.columns))


def fit_model(family: Family, data: Data, params: Params) -> tuple[Model, np.ndarray]:
    """Fit, calibrate and export; the exported model is checked on every test row.

    Returns
    -------
    tuple of Model and array
        The model, and the encoded rows that it was fitted on.

    Raises
    ------
    BundleError
        ONNX Runtime and the trainer differ by more than `PARITY`.
    """
    from threadpoolctl import threadpool_limits

    features = model_features(params)
    encoding = fit_encoding(data.fit.columns, features, family.style)
    matrix = encoding.encode(data.fit.columns)
    fitted = family.fit(data.fit, matrix, encoding, features, params)
    with threadpool_limits(1):
        raw = fitted.log_odds(encoding.encode(data.calibration.columns))
    calibrated = calibrate(raw, data.calibration.labels, data.calibration.users)
    onnx = to_onnx(fitted.model, calibrated.calibration, encoding.width)
    session = open_model(onnx, encoding.width, params.duckdb.threads)
    model = Model(encoding, fitted, calibrated, onnx, session)
    _require_parity(model, data.test)
    return model, matrix


def _require_parity(model: Model, test: Rows) -> None:
    expected = model.calibrated.calibration.apply(
        model.fitted.log_odds(model.encoding.encode(test.columns))
    )
    gap = float(np.max(np.abs(model.risks(test) - expected)))
    if not gap <= PARITY:
        raise BundleError(
            f"ONNX Runtime and the trained model differ by up to {gap:.2g} on the test rows;"
            f" at most {PARITY:g} is allowed",
            fix="report this with the versions of onnx, onnxruntime, scikit-learn and lightgbm",
        )
