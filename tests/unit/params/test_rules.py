"""Rules between sections."""

from __future__ import annotations

from typing import Any

import pytest

from churn_mlops.params import Params
from churn_mlops.params.rules import findings, nearest


def test_the_defaults_break_no_rule() -> None:
    assert list(findings(Params())) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("logn", "; did you mean 'login'?"), ("zzz", ""), ("login", "; did you mean 'login'?")],
)
def test_nearest(name: str, expected: str) -> None:
    assert nearest(name, ["login", "payment"]) == expected


def test_a_ratio_names_daily_counts(make_params: Any) -> None:
    over = {
        "features": {"ratios": {"r": {"numerator": ("login",), "denominator": ("logins_count",)}}}
    }
    assert list(findings(make_params(over))) == [
        (
            "features.ratios.r.numerator",
            "'login' is not in features.counts; did you mean 'logins_count'?",
        )
    ]


def test_slices_name_categorical_attributes(make_params: Any) -> None:
    assert list(findings(make_params({"evaluation": {"slices": ("plan", "country")}}))) == []
    found = list(findings(make_params({"evaluation": {"slices": ("plans", "is_paid")}})))
    assert [path for path, _ in found] == ["evaluation.slices"] * 2
    assert "did you mean 'plan'?" in found[0][1]
