"""The registry of checks."""

from __future__ import annotations

from typing import Any

import pytest

from churn_mlops.data import checks
from churn_mlops.errors import ParamsError


def test_numbers_are_unique_and_in_order() -> None:
    numbers = [check.number for check in checks.CHECKS]
    assert numbers == sorted(set(numbers))
    assert all(check.meaning and check.remedy for check in checks.CHECKS)


def test_structure_checks_cannot_be_muted() -> None:
    assert not [c for c in checks.CHECKS if c.kind == "structure" and c.can_mute]


@pytest.mark.parametrize("number", [c.number for c in checks.CHECKS if c.can_mute])
def test_what_can_be_muted_is_muted(make_params: Any, number: str) -> None:
    assert checks.muted(make_params({"validation": {"muted": (number,)}})) == {number}


@pytest.mark.parametrize("number", [c.number for c in checks.CHECKS if not c.can_mute])
def test_what_later_stages_need_cannot_be_muted(make_params: Any, number: str) -> None:
    with pytest.raises(ParamsError, match=f"{number} .* cannot be muted"):
        checks.muted(make_params({"validation": {"muted": (number,)}}))


def test_the_page_has_every_check() -> None:
    page = checks.as_markdown()
    for check in checks.CHECKS:
        assert f"| {check.number} | {check.name} |" in page
