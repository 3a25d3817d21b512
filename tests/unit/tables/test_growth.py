"""Which days of a table are worked on, and when it must be made as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.params import Params
from churn_mlops.tables import Contract, contracts
from churn_mlops.tables.growth import Growth, Whole, growth_of
from churn_mlops.tables.made import Made, read_made
from churn_mlops.tables.writer import kept_days

LAST = date(2025, 1, 30)
KEPT = 6 + 3 + 1
"""The longest window, the allowance for late rows and the day itself."""


def after(days: int) -> date:
    return LAST + timedelta(days=days)


@pytest.fixture
def params(tmp_path: Path, make_params: Callable[..., Params]) -> Params:
    over = {
        "tables": {"format": "parquet"},
        "paths": {"data": str(tmp_path)},
        "churn": {"window_days": 4, "active_within_days": None},
        "features": {"windows_days": (2, 6)},
        "data": {"late_days": 3},
    }
    return make_params(over)


@pytest.fixture
def contract(params: Params) -> Contract:
    return contracts.user_daily(params)


@pytest.fixture
def made(params: Params, contract: Contract) -> Made:
    """The table was made as a whole."""
    made = Made.anew("f", LAST, 100)
    made.write(contract.path(params))
    return made


def days(found: Growth | Whole) -> tuple[date, date]:
    assert isinstance(found, Growth), found
    return found.first, found.last


def why(found: Growth | Whole) -> str:
    assert isinstance(found, Whole), found
    return found.why


def with_tables(params: Params, **over: Any) -> Params:
    return params.model_copy(update={"tables": params.tables.model_copy(update=over)})


def test_new_days_and_those_that_late_rows_may_change(
    params: Params, contract: Contract, made: Made
) -> None:
    for ahead in (1, 2):
        assert days(growth_of(contract, params, "f", after(ahead))) == (after(-2), after(ahead))


@pytest.mark.parametrize(("late_days", "first"), [(0, 1), (1, 0), (5, -4)])
def test_the_allowance_for_late_rows_is_how_far_it_goes_back(
    params: Params, contract: Contract, made: Made, late_days: int, first: int
) -> None:
    data = params.data.model_copy(update={"late_days": late_days})
    params = params.model_copy(update={"data": data})
    assert days(growth_of(contract, params, "f", after(1))) == (after(first), after(1))


def test_a_table_that_goes_along_and_is_behind_is_caught_up_with(
    params: Params, contract: Contract, made: Made
) -> None:
    assert days(growth_of(contract, params, "f", after(1), reach=after(-2)))[0] == after(-4)
    assert days(growth_of(contract, params, "f", after(1), reach=after(1)))[0] == after(-2)


def test_a_step_that_is_run_again_works_on_the_same_days(
    params: Params, contract: Contract, made: Made
) -> None:
    jump = growth_of(contract, params, "f", after(4))
    assert isinstance(jump, Growth)
    jump.sign(contract.path(params))
    assert days(growth_of(contract, params, "f", after(4))) == days(jump)
    assert days(growth_of(contract, params, "f", after(5))) == (after(2), after(5))


def test_a_day_that_the_whole_already_has_is_worked_on_again(
    params: Params, contract: Contract, made: Made
) -> None:
    assert days(growth_of(contract, params, "f", LAST)) == (after(-3), LAST)


def test_why_a_table_is_made_as_a_whole(params: Params, contract: Contract) -> None:
    later = after(1)

    def reason(sign: str = "f", last: date | None = later, over: Params = params) -> str:
        return why(growth_of(contract, over, sign, last))

    assert reason() == "user_daily has not been made in days"
    Made.anew("f", LAST, 100).write(contract.path(params))
    assert reason(over=with_tables(params, format="csv")) == "tables.format is csv"
    assert reason(over=params.model_copy(update={"engine": "spark"})) == "engine is spark"
    assert reason(last=None) == "no day was ingested"
    assert "other parameters, code or tables" in reason("another")
    assert reason(last=after(-1)) == "user_daily reaches beyond 2025-01-29"


def test_more_days_than_have_a_file_of_their_own_are_not_added(
    params: Params, contract: Contract, made: Made
) -> None:
    assert kept_days(params) == KEPT
    long_ago = after(-KEPT + 3)
    assert days(growth_of(contract, params, "f", after(1), long_ago))[0] == after(1 - KEPT)
    assert why(growth_of(contract, params, "f", after(1), long_ago - timedelta(days=1))) == (
        "user_daily ends long before 2025-01-31"
    )


def test_news_are_what_arrived_since_the_day_before(made: Made) -> None:
    assert Growth(after(-2), after(1), made).news_after == LAST
    assert Growth(after(-2), after(3), made).news_after == LAST
    assert Growth(after(-2), LAST, made).news_after == after(-1)
    assert Growth(after(-2), after(1), made).day_before == after(-3)


def test_signing_says_how_far_it_got(params: Params, contract: Contract, made: Made) -> None:
    Growth(after(-2), after(1), made).sign(contract.path(params))
    assert read_made(contract, params) == replace(made, first=after(-2), last_day=after(1))
