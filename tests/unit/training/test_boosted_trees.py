from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.errors import BundleError
from churn_mlops.training.boosted_trees import float32_below, trees_of
from tests.grown import grown, raw_score


@pytest.mark.parametrize("seed", range(3))
def test_walking_the_trees_gives_lightgbms_raw_score(seed):
    booster, matrix = grown(seed)
    trees = trees_of(booster.dump_model())
    trees.require_width(matrix.shape[1])
    expected = booster.predict(matrix, raw_score=True)
    assert raw_score(trees, matrix) == pytest.approx(expected, abs=1e-9)


def test_without_missing_values_in_training_a_missing_one_counts_as_zero():
    booster, matrix = grown(4, gaps=False)
    probe = matrix[:50].copy()
    probe[::2, :] = np.nan
    trees = trees_of(booster.dump_model())
    assert raw_score(trees, probe) == pytest.approx(
        booster.predict(probe, raw_score=True), abs=1e-9
    )


def test_unseen_categories_go_where_lightgbm_sends_them():
    booster, matrix = grown(5)
    probe = matrix[:50].copy()
    probe[:, -1] = 77
    trees = trees_of(booster.dump_model())
    assert raw_score(trees, probe) == pytest.approx(
        booster.predict(probe, raw_score=True), abs=1e-9
    )


def test_a_model_of_single_leaves():
    matrix = np.zeros((100, 2), dtype=np.float32)
    labels = np.r_[np.ones(30), np.zeros(70)]
    booster = lightgbm.train(
        {"objective": "binary", "verbosity": -1}, lightgbm.Dataset(matrix, labels), 3
    )
    trees = trees_of(booster.dump_model())
    trees.require_width(2)
    assert raw_score(trees, matrix) == pytest.approx(booster.predict(matrix, raw_score=True))


def _split(**over):
    leaf = {"leaf_value": 0.0, "leaf_count": 1}
    node = {
        "split_feature": 0,
        "threshold": "1||3",
        "decision_type": "==",
        "default_left": True,
        "missing_type": "NaN",
        "internal_count": 2,
        "left_child": leaf,
        "right_child": leaf,
    }
    return {"tree_info": [{"tree_structure": {**node, **over}}]}


def test_sets_of_categories_are_refused():
    with pytest.raises(BundleError, match="several categories") as caught:
        trees_of(_split())
    assert "max_cat_to_onehot" in str(caught.value)


def test_zeros_as_missing_values_are_refused():
    with pytest.raises(BundleError, match="zeros"):
        trees_of(_split(threshold=1.0, decision_type="<=", missing_type="Zero"))


@given(st.floats(allow_nan=False), st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_rounded_thresholds_decide_alike_for_every_float32(threshold, value):
    rounded = float32_below(threshold)
    assert rounded == float(np.float32(rounded))
    x = np.float32(value)
    with np.errstate(over="ignore"):
        above = np.nextafter(np.float32(rounded), np.float32(np.inf))
    for probe in (x, above, np.float32(rounded)):
        if np.isfinite(probe) and abs(threshold) <= float(np.finfo(np.float32).max):
            assert (float(probe) <= rounded) == (float(probe) <= threshold)
