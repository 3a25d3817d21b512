from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from churn_mlops.monitoring.psi import SMOOTHING, parts, psi, shares

counts = st.lists(st.integers(0, 10_000), min_size=2, max_size=15)


@given(st.data())
def test_it_is_the_symmetric_divergence_of_an_independent_implementation(data):
    before = data.draw(counts)
    now = data.draw(st.lists(st.integers(0, 10_000), min_size=len(before), max_size=len(before)))
    p, q = np.array(before) + SMOOTHING, np.array(now) + SMOOTHING
    assert psi(np.array(before), np.array(now)) == pytest.approx(
        entropy(p, q) + entropy(q, p), abs=1e-9
    )


@given(counts)
def test_equal_counts_have_not_moved(before):
    assert psi(np.array(before), np.array(before)) == 0


def test_known_value():
    # (0.2 - 0.5) ln(0.2 / 0.5) + (0.8 - 0.5) ln(0.8 / 0.5), nearly: the smoothing is small.
    assert psi(np.array([500_000, 500_000]), np.array([200_000, 800_000])) == pytest.approx(
        0.415888, abs=1e-5
    )


def test_an_empty_bin_is_rare_and_not_impossible():
    assert np.isfinite(psi(np.array([100, 0]), np.array([0, 100])))
    assert psi(np.array([100, 0]), np.array([80, 20])) > 0.5


def test_no_part_is_negative_and_shares_add_up():
    before, now = np.array([[5, 0, 7], [1, 1, 1]]), np.array([[0, 3, 9], [9, 0, 0]])
    assert (parts(before, now) >= 0).all()
    assert shares(before).sum(axis=1) == pytest.approx([1, 1])
