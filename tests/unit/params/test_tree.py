"""The tree itself: frozen sections, defaults that belong together."""

from __future__ import annotations

from datetime import date
from typing import Any

from churn_mlops.params import Params


def test_windows_are_sorted(make_params: Any) -> None:
    assert make_params({"features": {"windows_days": (14, 7)}}).features.windows_days == (7, 14)


def test_last_synthetic_day() -> None:
    assert Params().data.last_synthetic_day == date(2025, 4, 30)


def test_dates_may_be_text(make_params: Any) -> None:
    assert make_params({"scoring": {"as_of_date": "2025-03-01"}}).scoring.as_of_date == date(
        2025, 3, 1
    )
