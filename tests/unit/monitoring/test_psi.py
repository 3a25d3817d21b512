from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.monitoring.psi import psi

counts = st.lists(st.integers(0, 10_000), min_size=1, max_size=12)


def test_it_is_the_sum_over_bins_of_smoothed_shares() -> None:
    p, q = (1.5 / 4, 2.5 / 4), (3.5 / 4, 0.5 / 4)
    expected = sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))
    assert psi(np.array([1, 2]), np.array([3, 0])) == pytest.approx(expected)


@given(counts)
def test_equal_counts_have_not_moved(one: list[int]) -> None:
    assert psi(np.array(one), np.array(one)) == 0


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(*[st.lists(st.integers(0, 999), min_size=n, max_size=n)] * 2)
    )
)
def test_it_is_symmetric_finite_and_not_negative(pair: tuple[list[int], list[int]]) -> None:
    a, b = map(np.array, pair)
    assert 0 <= psi(a, b) < math.inf
    assert psi(a, b) == pytest.approx(psi(b, a))
