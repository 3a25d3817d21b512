from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from churn_mlops.monitoring.bins import (
    MISSING,
    CategoricalBins,
    NumericBins,
    bins_of,
    categorical_bins,
    numeric_bins,
)

numbers = arrays(np.float64, st.integers(1, 200), elements=st.floats(allow_nan=True))


@given(numbers, numbers)
def test_no_row_falls_outside(reference, current):
    bins = numeric_bins(reference)
    codes = bins.codes(current)
    assert ((codes >= 0) & (codes < bins.count)).all()
    assert ((codes == MISSING) == np.isnan(current)).all()


def test_rows_beyond_the_reference_lie_in_the_open_outer_bins():
    bins = numeric_bins(np.random.default_rng(1).normal(size=1_000))
    codes = bins.codes(np.array([-1e9, -np.inf, 1e9, np.inf]))
    assert codes[0] == codes[1]
    assert codes[2] == codes[3] == bins.count - 1
    assert codes[0] != codes[2]


def test_frequent_values_have_a_bin_of_their_own():
    values = np.r_[np.zeros(500), np.ones(60), np.random.default_rng(1).lognormal(size=440)]
    bins = numeric_bins(values)
    assert bins.atoms.tolist() == [0.0, 1.0]
    assert bins.codes(np.array([0.0, 1.0])).tolist() == [1, 2]
    assert bins.atom_of(1) == 0.0
    assert bins.atom_of(bins.count - 1) is None
    assert bins.atom_of(MISSING) is None


def test_quantile_bins_share_what_is_left():
    values = np.random.default_rng(1).normal(size=10_000)
    counts = np.bincount(numeric_bins(values).codes(values))[1:]
    assert len(counts) == 10
    assert counts.min() > 950


def test_a_rare_flag_still_has_a_bin():
    bins = numeric_bins(np.r_[np.zeros(970), np.ones(30)])
    before, now = (bins.codes(np.array(v)) for v in ([0.0], [1.0]))
    assert before[0] != now[0]


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_nothing_known(values):
    bins = numeric_bins(np.array(values, dtype=float))
    assert bins.codes(np.array([1.0, np.nan])).tolist() == [1, MISSING]


def test_categories_rare_ones_unseen_ones_and_missing_ones():
    cells = np.array(["a"] * 600 + ["b"] * 395 + ["c"] * 5 + [None] * 0, dtype=object)
    bins = categorical_bins(cells)
    assert bins.categories == ("a", "b")
    assert bins.rare == {"c"}
    codes = bins.codes(np.array(["a", "b", "c", "new", None, float("nan")], dtype=object))
    assert codes.tolist() == [1, 2, bins.count - 2, bins.count - 1, MISSING, MISSING]


def test_the_type_of_the_column_decides():
    assert isinstance(bins_of(np.array([1.0])), NumericBins)
    assert isinstance(bins_of(np.array([1], dtype=np.int32)), NumericBins)
    assert isinstance(bins_of(np.array(["a"], dtype=object)), CategoricalBins)
