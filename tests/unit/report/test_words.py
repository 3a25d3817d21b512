from __future__ import annotations

from datetime import date

import pytest

from churn_mlops.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.83, "83 %"), (0.0834, "8.3 %"), (0.00834, "0.83 %"), (0.0, "0 %"), (1.0, "100 %"),
        (0.999, "99.9 %"), (0.95, "95 %"), (0.0996, "10 %"), (None, "–"), (float("nan"), "–"),
        (-0.0834, "−8.3 %"), (2.5, "250 %"),
    ],
)  # fmt: skip
def test_percent_has_the_digits_that_matter(value: float | None, text: str) -> None:
    assert words.percent(value) == text.replace(" ", words.SPACE)


def test_numbers() -> None:
    assert words.number(0.91234) == "0.912"
    assert words.number(-0.0001) == "0.000"
    assert words.number(float("inf")) == words.NONE
    assert words.count(12345) == "12,345"
    assert (words.signed(0.012), words.signed(-0.012)) == ("+0.012", "−0.012")
    assert words.signed(None) == words.NONE
    assert words.times(2.395) == f"2.4{words.SPACE}×"


def test_intervals_name_the_unit_once() -> None:
    assert words.between((0.79, 0.86), words.percent) == f"79 to 86{words.SPACE}%"
    assert words.between((0.789, 0.834)) == "0.789 to 0.834"
    assert words.between(None) == words.between((float("nan"), 1.0)) == ""


def test_days() -> None:
    assert words.day("2025-03-14") == f"14{words.SPACE}March 2025"
    assert words.day(date(2025, 1, 1)) == f"1{words.SPACE}January 2025"
    assert words.short_day("2025-12-02 00:00:00") == f"2{words.SPACE}Dec"
    assert words.middle_day("2025-12-02") == f"2{words.SPACE}Dec{words.SPACE}2025"
    assert (words.day("soon"), words.short_day("soon"), words.middle_day("soon")) == ("soon",) * 3
    assert words.day(None) == words.NONE


def test_lists_and_plurals() -> None:
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b"], "or") == "a or b"
    assert words.some(1, "check") == "1 check"
    assert words.some(2, "check") == "2 checks"
    assert words.capital("it is A") == "It is A"
    assert words.days(1) == f"1{words.SPACE}day"


def test_families_have_names_and_unknown_ones_stay_readable() -> None:
    assert words.family("lightgbm") == "boosted trees (LightGBM)"
    assert words.family("random_forest") == "random forest"
