from __future__ import annotations

import pytest

from churn_mlops.errors import TrackingError
from churn_mlops.training import train_baseline
from tests.trained import bundle, params_in, trained


def test_it_is_a_calibrated_logistic_regression():
    meta = bundle().meta
    assert meta.family == "logistic_regression"
    assert meta.trees is None
    assert meta.encoding.style == "linear"
    assert meta.settings["class_weight"] == "balanced"
    assert {"c", "max_iter"} <= set(meta.settings)
    assert set(meta.versions) == {"churn_mlops", "onnx_opset", "scikit_learn"}
    assert trained()[1].name == "train_baseline logistic_regression"


def test_no_tracking_is_found_before_anything_is_read(tmp_path):
    params = params_in(tmp_path, tracking={"uri": "sqlite:////nowhere/at/all/mlflow.db"})
    with pytest.raises(TrackingError, match="there is no directory"):
        train_baseline.run(params)
    assert not (tmp_path / "artifacts").exists()
