"""Laws that are exact are found again; laws never shrink; the left-out size judges."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.planning.fit import (
    FORMS,
    Beyond,
    Form,
    Law,
    fit_beyond,
    fit_capped,
    fit_judged,
    fit_law,
    left_out,
)

SIZES = [10_000, 100_000, 1_000_000, 12_000_000, 60_000_000, 120_000_000]
fixed_parts = st.floats(0.1, 1_000)
slopes = st.floats(1e-7, 1e-2)
measured = st.lists(st.floats(0.01, 1e6), min_size=6, max_size=6)


@given(fixed_parts, slopes, st.sampled_from(FORMS))
def test_an_exact_law_is_found_again(fixed: float, slope: float, form: Form) -> None:
    law = Law(fixed, slope, form)
    found = fit_law(SIZES, [law.at(n) for n in SIZES], form)
    assert found.form == form
    assert found.at(1e9) == pytest.approx(law.at(1e9), rel=1e-6)
    assert found.fixed == pytest.approx(fixed, rel=1e-6)


@given(fixed_parts, st.floats(1e-4, 1e-2), st.sampled_from(FORMS))
def test_the_right_form_is_chosen_and_foretells_the_largest(
    fixed: float, slope: float, form: Form
) -> None:
    law = Law(fixed, slope, form)
    judged = fit_judged(SIZES, [law.at(n) for n in SIZES])
    assert judged.law.form == form
    assert judged.error == pytest.approx(0, abs=1e-6)
    assert set(judged.errors) == set(FORMS)


@given(measured, st.sampled_from(FORMS))
def test_no_coefficient_is_negative_and_no_law_shrinks(values: list[float], form: Form) -> None:
    law = fit_law(SIZES, values, form)
    assert min(law.fixed, law.slope) >= 0
    assert law.at(10) <= law.at(10_000) <= law.at(1e12)
    capped = fit_capped(SIZES, values)
    assert capped.at(10) <= capped.at(10_000) <= capped.at(1e12)


@given(measured)
def test_no_other_law_of_the_form_is_nearer(values: list[float]) -> None:
    def off(law: Law) -> float:
        return sum((law.at(n) / y - 1) ** 2 for n, y in zip(SIZES, values, strict=True))

    best = fit_law(SIZES, values)
    for by in (0.99, 1.01):
        assert off(best) <= off(Law(best.fixed * by, best.slope)) * (1 + 1e-9)
        assert off(best) <= off(Law(best.fixed, best.slope * by)) * (1 + 1e-9)


def test_both_forms_mean_the_same_at_a_million() -> None:
    assert Law(1, 1e-3, "n").at(1e6) == pytest.approx(Law(1, 1e-3, "n log n").at(1e6))


def test_too_few_sizes_judge_nothing() -> None:
    judged = fit_judged(SIZES[:2], [1.0, 2.0])
    assert judged.errors == {}
    assert judged.error is None


@pytest.mark.parametrize(
    ("sizes", "values"), [([5, 5], [1.0, 2.0]), ([1, 2], [1.0, 0.0]), ([1, 2], [1.0, -1.0])]
)
def test_what_carries_no_law(sizes: list[float], values: list[float]) -> None:
    with pytest.raises(ValueError, match="no law"):
        fit_law(sizes, values)


@given(st.floats(1e7, 1e9), st.floats(10, 1_000), st.integers(2, 4))
def test_a_ceiling_is_seen(fixed: float, slope: float, below: int) -> None:
    ceiling = fixed + slope * SIZES[below] / 2
    law = Law(fixed, slope, ceiling=ceiling)
    found = fit_capped(SIZES, [law.at(n) for n in SIZES])
    assert found.ceiling == pytest.approx(ceiling)
    assert found.at(5e9) == pytest.approx(ceiling)


def test_one_size_at_the_top_is_no_ceiling() -> None:
    law = fit_capped([1e4, 1e5, 1e6], [200.0, 1_100.0, 9_000.0])
    assert law.ceiling == math.inf


@given(st.sampled_from([0.0, 5e5, 2e6, 3e7]), st.floats(0.1, 100))
def test_a_threshold_is_found_again(threshold: float, slope: float) -> None:
    law = Beyond(threshold, slope)
    found = fit_beyond(SIZES, [law.at(n) for n in SIZES])
    assert found.at(1e9) == pytest.approx(law.at(1e9), rel=1e-3)


def test_what_began_at_the_largest_size_begins_after_the_one_before() -> None:
    found = fit_beyond([1, 2, 3], [0, 0, 10])
    assert (found.threshold, found.slope) == (2, pytest.approx(10))


def test_what_never_was_stays_away() -> None:
    assert fit_beyond(SIZES, [0] * 6).at(1e12) == 0
    with pytest.raises(ValueError, match="nothing"):
        fit_beyond([], [])


@given(st.lists(st.integers(0, 10**12), min_size=6, max_size=6))
def test_what_begins_somewhere_never_shrinks(values: list[int]) -> None:
    law = fit_beyond(SIZES, values)
    assert law.slope >= 0
    assert 0 <= law.at(1) <= law.at(1e6) <= law.at(1e12)


def test_the_error_at_the_left_out_size() -> None:
    assert left_out([1, 2, 4], [1.0, 2.0, 5.0], fit_law) == pytest.approx(4 / 5 - 1)
    assert left_out([1, 2], [1.0, 2.0], fit_law) is None
    assert left_out([1, 2, 4], [0, 0, 0], fit_beyond) is None
