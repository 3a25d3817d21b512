from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.monitoring.bins import bins_of
from churn_mlops.monitoring.wording import moved

RNG = np.random.default_rng(1)
MINUTES = RNG.lognormal(3, 1, 2_000)
NORMAL = RNG.normal(0, 1, 2_000)


def said(before: np.ndarray, now: np.ndarray) -> str:
    bins = bins_of(before)
    counts = tuple(np.bincount(bins.codes(v), minlength=bins.count) for v in (before, now))
    return moved("x", bins, counts, (before, now))


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (np.r_[np.zeros(1_840), np.ones(160)], np.r_[np.zeros(80), np.ones(120)],
         "x: value 1 in 8.0 % → 60 % of users"),
        (MINUTES, np.r_[MINUTES[:1_600], np.full(400, np.nan)],
         "x: missing 0 % → 20 % of users"),
        (np.array(["DE"] * 80 + ["US"] * 20, object), np.array(["DE"] * 20 + ["US"] * 80, object),
         "x: DE 80 % → 20 %, US 20 % → 80 %"),
        (np.array(["DE"] * 80 + ["US"] * 20, object), np.array(["DE"] * 60 + ["MX"] * 40, object),
         "x: unseen categories 0 % → 40 % ('MX')"),
    ],
)  # fmt: skip
def test_the_bin_that_moved_most_is_put_into_words(before, now, expected):
    assert said(before, now) == expected


def test_numbers_by_their_medians():
    assert "(× 2)" in said(MINUTES, 2 * MINUTES)
    assert said(NORMAL, NORMAL + 3).startswith("x: median ")
    assert "×" not in said(NORMAL - 0.5, NORMAL + 3)


def test_the_same_median_by_the_interval():
    wide = np.r_[np.full(500, -9.0), NORMAL[:1_000], np.full(500, 9.0)]
    text = said(NORMAL, wide)
    assert "%" in text or "median" in text


def test_many_unseen_categories_are_counted():
    now = np.array([f"c{n}" for n in range(50)], object)
    assert "and 47 more" in said(np.array(["a"] * 50, object), now)
