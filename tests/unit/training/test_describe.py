from __future__ import annotations

import json

from churn_mlops.training.describe import settings, write_reports
from churn_mlops.training.evaluate import Curve
from tests.trained import params_in


def test_settings_bear_the_names_of_the_parameters(make_params):
    found = settings(make_params({"training": {"class_weight": None}}))
    assert found["windows_days"] == "7,14,30"
    assert found["class_weight"] is None
    assert found["window_days"] == 30


def test_reports_are_plain_files_under_the_models_name(tmp_path):
    paths = write_reports(params_in(tmp_path), "x", {"pr_auc": 0.5}, {"pr": Curve({"a": _ones()})})
    assert [path.name for path in paths] == ["train_x.json", "x_pr.csv"]
    assert json.loads(paths[0].read_text()) == {"pr_auc": 0.5}
    assert paths[1].read_text() == "a\n1\n1\n"


def _ones():
    import numpy as np

    return np.ones(2)
