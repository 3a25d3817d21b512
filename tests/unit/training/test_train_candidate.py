from __future__ import annotations

import pytest

from churn_mlops.errors import TrackingError
from churn_mlops.registry.meta import Trees
from churn_mlops.training import train_candidate
from tests.trained import bundle, params_in, trained


def test_it_is_made_of_boosted_trees():
    meta = bundle("candidate").meta
    assert meta.family == "lightgbm"
    assert isinstance(meta.model, Trees)
    assert meta.linear is None
    assert meta.encoding.style == "tree"
    assert meta.settings["class_weight"] is None
    assert {"num_leaves", "learning_rate", "validation_share"} <= set(meta.settings)
    assert set(meta.versions) == {"churn_mlops", "onnx_opset", "lightgbm"}
    assert trained("candidate")[1].name == "train_candidate lightgbm"


def test_the_rounds_were_found_on_validation_days():
    run = trained("candidate")[1]
    assert run.params["rounds"] == "None"
    assert len(bundle("candidate").meta.trees.roots) >= 1


def test_no_tracking_is_found_before_anything_is_read(tmp_path):
    params = params_in(tmp_path, tracking={"uri": "sqlite:////nowhere/at/all/mlflow.db"})
    with pytest.raises(TrackingError, match="there is no directory"):
        train_candidate.run(params)
    assert not (tmp_path / "artifacts").exists()
