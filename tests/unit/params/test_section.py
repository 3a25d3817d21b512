"""What every section of the tree holds to."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from churn_mlops.params.section import Days, Name, Section, Share, as_date


class Example(Section):
    share: Share = 0.5
    days: Days = 7
    name: Name = "x"


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 1.5},
        {"share": float("nan")},
        {"days": 0},
        {"days": 7.0},
        {"name": "1x"},
        {"name": "a b"},
        {"other": 1},
    ],
)
def test_wrong_values_and_unknown_keys_are_refused(wrong):
    with pytest.raises(ValidationError):
        Example(**wrong)


def test_a_section_cannot_be_changed():
    section = Example()
    with pytest.raises(ValidationError, match="frozen"):
        section.days = 8


def test_dates_may_be_text():
    assert as_date("2025-01-31") == date(2025, 1, 31)
    assert as_date(None) is None
    with pytest.raises(ValueError, match="31/01/2025"):
        as_date("31/01/2025")
