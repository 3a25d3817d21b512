from __future__ import annotations

import numpy as np

from churn_mlops.features.catalogue import Feature
from churn_mlops.training.fit_encoding import MINIMUM_CATEGORY_ROWS, fit_encoding


def number(name="x", minimum=None, maximum=None):
    return Feature(name, "numeric", "float64", "", "", minimum, maximum)


def fitted(values, **bounds):
    return fit_encoding({"x": np.asarray(values, float)}, [number(**bounds)], "linear").numeric[0]


def test_default_is_the_median_and_tails_are_clipped():
    made = fitted([*range(1, 1000), 10**9])
    assert made.default == 500.5
    assert made.seen_maximum == 10**9
    assert made.high < 10**9
    assert made.low >= 1


def test_only_values_without_upper_bound_are_scaled_by_log():
    assert fitted([1, 2], minimum=0).scale == "log"
    assert fitted([1, 2], minimum=0, maximum=7).scale == "linear"
    assert fitted([-1, 2]).scale == "linear"


def test_log_never_sees_a_negative_number():
    assert fitted([-5.0] * 10, minimum=0).low == 0


def test_missing_values_are_noted_and_may_be_all_there_is():
    assert fitted([1, np.nan]).missing
    assert not fitted([1, 2]).missing
    assert fitted([np.nan, np.nan]).default == 0


def test_a_rare_value_does_not_vanish_by_clipping():
    made = fitted([0] * 5000 + [1])
    assert (made.low, made.high) == (0, 1)


def test_rare_categories_count_as_unseen():
    common, rare = ["b"] * MINIMUM_CATEGORY_ROWS + ["a"] * 99, ["c"] * (MINIMUM_CATEGORY_ROWS - 1)
    values = np.array([*common, *rare, None], dtype=object)
    feature = Feature("plan", "categorical", "string", "", "")
    made = fit_encoding({"plan": values}, [feature], "tree")
    assert made.categorical[0].categories == ("a", "b")
