from __future__ import annotations

import json
import math
from datetime import date

import numpy as np
import pytest

from churn_mlops.training.describe import flat_metrics, settings, write_reports, write_text
from churn_mlops.training.evaluate import Curve
from churn_mlops.training.judge import Judged
from churn_mlops.training.split import Split
from tests.trained import bundle, params_in

SPLIT = Split((date(2025, 1, 1),), (date(2025, 2, 1),), 30)


def judged(**over):
    given = {
        "metrics": {"pr_auc": 0.5, "ece": 0.1},
        "intervals": {"pr_auc": (0.4, 0.6), "ece": (float("nan"), float("nan"))},
        "curves": {"pr": Curve({"a": np.ones(2)})},
        "slices": [],
        "importance": [],
        "thresholds": {},
        "profit": None,
    }
    return Judged(**(given | over))


def test_settings_bear_the_names_of_the_parameters_and_those_of_the_family(make_params):
    params = make_params({"training": {"class_weight": None, "candidate": {"rounds": 9}}})
    linear, trees = settings(params, "logistic_regression"), settings(params, "lightgbm")
    for found in (linear, trees):
        assert found["windows_days"] == "7,14,30"
        assert found["class_weight"] is None
        assert found["window_days"] == 30
        assert all(v is None or isinstance(v, str | int | float) for v in found.values())
    assert linear["c"] == 0.01
    assert trees["rounds"] == 9
    assert "rounds" not in linear
    assert "c" not in trees


def test_class_weights_are_told_of_the_family_that_has_them(make_params):
    params = make_params({"training": {"class_weight": "balanced"}})
    assert settings(params, "logistic_regression")["class_weight"] == "balanced"
    assert settings(params, "lightgbm")["class_weight"] is None


def test_reports_are_plain_files_under_the_models_name(tmp_path):
    params = params_in(tmp_path)
    paths = write_reports(params, "x", judged(), {"pr_auc": 0.5}, {"name": "x"})
    root = tmp_path / "artifacts"
    names = ("metrics/train_x.json", "evaluation/x.json", "plots/x_pr.csv")
    assert paths == [root / name for name in names]
    assert json.loads(paths[0].read_text()) == {"pr_auc": 0.5}
    assert json.loads(paths[1].read_text()) == {"name": "x"}
    assert paths[2].read_text() == "a\n1\n1\n"


def test_a_number_that_is_none_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_reports(params_in(tmp_path), "x", judged(), {"pr_auc": math.nan}, {})


def test_metrics_are_flat_and_an_interval_that_does_not_exist_is_left_out():
    found = flat_metrics(judged(), SPLIT, {"rounds": 3})
    assert found == {
        "pr_auc": 0.5,
        "ece": 0.1,
        "pr_auc_low": 0.4,
        "pr_auc_high": 0.6,
        "rounds": 3,
        **SPLIT.facts(),
    }


def test_a_text_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "deep/file.json"
    write_text(path, "old")
    write_text(path, "né")
    assert path.read_text(encoding="utf-8") == "né"
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_the_description_holds_no_infinite_interval(name):
    meta = bundle(name).meta
    assert all(low <= high for low, high in meta.intervals.values())
    assert set(meta.intervals) <= set(meta.metrics)
