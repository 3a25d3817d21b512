from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.monitoring.comparable import comparable


def days(first: str, count: int) -> np.ndarray:
    return np.datetime64(first) + np.arange(count)


def chosen(first: str, count: int, day: date) -> list[list[str]]:
    return [[str(d) for d in days(first, count)[mask]] for mask, _ in
            comparable(days(first, count), day)]  # fmt: skip


def test_the_same_weekday_away_from_the_start_of_a_month():
    # 2025-03-03 is a Monday at the start of a month and left out.
    assert chosen("2025-03-01", 28, date(2025, 4, 14)) == [
        ["2025-03-10", "2025-03-17", "2025-03-24"]
    ]
    assert comparable(days("2025-03-01", 28), date(2025, 4, 14))[0][1] == "Mondays"


def test_at_the_start_of_a_month_either_group_will_do():
    groups = comparable(days("2025-03-01", 35), date(2025, 5, 1))
    assert [words for _, words in groups] == ["Thursdays", "days at the start of a month"]
    assert groups[1][0].sum() == 6


def test_the_start_of_a_month_on_the_same_weekday_is_best():
    groups = comparable(days("2025-01-01", 120), date(2025, 5, 1))
    assert [words for _, words in groups] == ["Thursdays at the start of a month"]


def test_snapshots_of_another_weekday_are_compared_with_all():
    mondays = np.datetime64("2025-03-10") + 14 * np.arange(6)
    ((mask, words),) = comparable(mondays, date(2025, 6, 11))
    assert mask.all()
    assert words == "all reference days"


@given(st.dates(date(2024, 1, 1), date(2026, 1, 1)), st.integers(1, 100))
def test_there_is_always_something_to_compare_with(day, count):
    assert all(mask.any() for mask, _ in comparable(days("2025-01-01", count), day))
