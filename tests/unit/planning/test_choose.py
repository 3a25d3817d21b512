"""Which engine, and how far each goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from churn_mlops.errors import NotEnoughDataError
from churn_mlops.planning.choose import both_engines, most_users
from churn_mlops.planning.plan import make_plan
from churn_mlops.planning.planned import Ask
from tests.unit.planning import portal

FIGURES = portal.figures()


def test_few_users_are_for_one_machine_and_many_for_a_cluster() -> None:
    few, many = (both_engines(users, 365, 2.0, FIGURES) for users in (10_000, 50_000_000))
    assert [plan.ask.engine for plan in few] == ["duckdb", "spark"]
    assert [plan.ask.engine for plan in many] == ["spark", "duckdb"]
    assert few[0].in_time
    assert many[0].in_time
    assert not many[1].in_time


def test_if_nothing_is_in_time_the_faster_one_is_first() -> None:
    plans = both_engines(50_000_000, 365, 0.01, FIGURES)
    assert not any(plan.in_time for plan in plans)
    assert plans[0].hours <= plans[1].hours


def test_what_was_not_measured_is_left_out() -> None:
    alone = replace(FIGURES, rows=tuple(r for r in FIGURES.rows if r.engine == "duckdb"))
    assert [p.ask.engine for p in both_engines(1_000, 120, 2.0, alone)] == ["duckdb"]
    with pytest.raises(NotEnoughDataError, match="duckdb has not been measured"):
        both_engines(1_000, 120, 2.0, replace(FIGURES, rows=()))


def test_the_most_users_are_in_time_and_a_few_more_are_not() -> None:
    most = most_users(365, 2.0, FIGURES, "duckdb")
    assert make_plan(Ask(most, 365, 2.0, "duckdb"), FIGURES).in_time
    assert not make_plan(Ask(round(most * 1.02), 365, 2.0, "duckdb"), FIGURES).in_time
    assert most_users(365, 0.001, FIGURES, "duckdb") == 0
    assert most_users(365, 8_000.0, FIGURES, "spark") > most
