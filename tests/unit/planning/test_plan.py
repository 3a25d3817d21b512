"""Plans: they keep the laws, grow with what is asked for, and say what lies beyond."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.errors import NotEnoughDataError, ParamsError
from churn_mlops.planning.assumptions import Assumptions, Node, Prices
from churn_mlops.planning.model import STAGES
from churn_mlops.planning.plan import MOST_NODES, make_plan, seconds_on
from churn_mlops.planning.planned import Ask, Plan
from tests.unit.planning import portal

FIGURES = portal.figures()
GROWING = ("read_bytes", "written_bytes", "spilled_bytes", "shuffled_bytes", "driver_bytes")
engines = st.sampled_from(["duckdb", "spark"])
users = st.integers(1, 100_000_000)


def plan(**asked: Any) -> Plan:
    return make_plan(Ask(**({"users": 100_000, "days": 120} | asked)), FIGURES)


def test_a_plan_in_the_measured_range_is_what_was_measured() -> None:
    made = make_plan(Ask(100_000, 120, 2.0, "duckdb"), FIGURES, Node(cores=2))
    assert [stage.stage for stage in made.stages] == list(STAGES[1:])
    for stage in made.stages:
        real = portal.row("duckdb", stage.stage, 12_000_000)
        assert stage.hours * 3600 == pytest.approx(real.seconds, rel=1e-3)
        assert stage.core_hours == pytest.approx(2 * stage.hours)
        assert stage.memory_bytes == pytest.approx(real.peak_memory_bytes, rel=1e-3)
        assert stage.written_bytes == pytest.approx(real.output_bytes, rel=1e-3)
        assert stage.times_beyond <= 1
    assert made.in_time
    assert made.body()["basis"] == "measured range"
    assert made.raw_bytes == pytest.approx(2_000 + 20 * 12e6, rel=1e-3)


def test_spill_that_no_size_showed_is_not_foretold() -> None:
    seen = {stage.stage: stage.spill_seen for stage in plan(users=10**8).stages}
    assert seen["build-features"]
    # No measured day had enough users for it.
    assert not seen["batch-score"]


def test_what_is_kept_and_what_it_costs() -> None:
    prices = Prices(core_hour=1, gb_month=2, thousand_writes=3, thousand_reads=4)
    assumed = Assumptions(request_mb=1, runs_per_month=10)
    made = make_plan(Ask(100_000, 120), FIGURES, Node(cores=2), prices, assumed)
    assert made.stored_bytes == pytest.approx(made.raw_bytes + made.total("written_bytes"))
    requests = made.total("written_bytes") / 1e9 * 3 + made.total("read_bytes") / 1e9 * 4
    assert made.run_cost["compute"] == pytest.approx(made.core_hours)
    assert made.run_cost["requests"] == pytest.approx(requests)
    assert made.run_cost["total"] == pytest.approx(made.core_hours + requests)
    assert made.month_cost["storage"] == pytest.approx(made.stored_bytes / 1e9 * 2)
    whole = 10 * made.run_cost["total"] + made.month_cost["storage"]
    assert made.month_cost["total"] == pytest.approx(whole)


@given(users, st.floats(1.0, 100.0), engines)
def test_more_users_never_take_less(few: int, times: float, engine: str) -> None:
    nodes = 1 if engine == "duckdb" else 16
    less = plan(users=few, engine=engine, nodes=nodes)
    more = plan(users=int(few * times), engine=engine, nodes=nodes)
    assert more.hours >= less.hours
    assert more.stored_bytes >= less.stored_bytes
    assert more.month_cost["total"] >= less.month_cost["total"]
    for name in GROWING:
        assert more.total(name) >= less.total(name)
    shares = {one.name: one.share for one in less.bottlenecks}
    assert all(one.share >= shares[one.name] for one in more.bottlenecks)


@given(users, engines)
def test_a_longer_history_costs_more_but_not_on_the_day_itself(some: int, engine: str) -> None:
    short, long = (plan(users=some, days=days, engine=engine, nodes=1) for days in (30, 365))
    of_short, of_long = ({s.stage: s for s in made.stages} for made in (short, long))
    assert of_long["build-features"].hours > of_short["build-features"].hours
    assert of_long["batch-score"] == of_short["batch-score"]


@given(st.integers(1_000_000, 100_000_000), st.floats(0.05, 24))
def test_the_fewest_machines_that_keep_the_hours(some: int, hours: float) -> None:
    made = plan(users=some, hours=hours, engine="spark")
    if made.in_time:
        assert made.hours <= hours
        if made.nodes > 1:
            assert not plan(users=some, hours=hours, engine="spark", nodes=made.nodes - 1).in_time
    else:
        assert not plan(users=some, hours=hours, engine="spark", nodes=MOST_NODES).in_time
        twice = plan(users=some, hours=hours, engine="spark", nodes=2 * made.nodes)
        assert twice.hours >= 0.95 * made.hours


def test_start_up_alone_can_be_too_much() -> None:
    made = plan(users=1_000_000, hours=0.02, engine="spark")
    assert not made.in_time
    assert made.bottlenecks[0].name == "what does not spread"
    assert made.bottlenecks[0].share > 1


def test_what_lies_beyond_says_so() -> None:
    made = plan(users=5_000_000, engine="duckdb")
    assert made.times_beyond == pytest.approx(10, rel=1e-3)
    assert made.body()["basis"] == "extrapolated: 10.0 times the size, 4 times the cores"
    assert {s["basis"] for s in made.body()["stages"]} == {made.body()["basis"]}
    long = plan(users=500_000, days=1_200, engine="duckdb")
    by_stage = {stage["stage"]: stage["basis"] for stage in long.body()["stages"]}
    assert by_stage["build-labels"].startswith("extrapolated: 10.0 times the size")
    assert by_stage["batch-score"] == "extrapolated: 4 times the cores"


def test_gains_are_measured_or_assumed_and_the_driver_gains_nothing() -> None:
    alone = portal.row("spark", "prepare-data", portal.SIZES[-1], cores=1, seconds=20 + 540 * 1.4)
    made = make_plan(Ask(100_000, 120, 2.0, "spark"), portal.figures(alone))
    gains = {stage.stage: (stage.gain, stage.gain_measured) for stage in made.stages}
    assert gains["prepare-data"] == (pytest.approx(0.7, rel=1e-3), True)
    assert gains["build-labels"] == (Assumptions().gain, False)
    assert gains["batch-score"] == (0.5, False)


@given(users, st.integers(1, 4_096))
def test_more_cores_are_never_slower(some: int, cores: int) -> None:
    from churn_mlops.planning.model import Gain, fitted

    stages = fitted(FIGURES, "spark")
    gains = {name: Gain(0.8, False) for name in stages}
    ask = Ask(some, 120, 2.0, "spark")
    assert seconds_on(ask, stages, gains, 2 * cores) <= seconds_on(ask, stages, gains, cores)


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({"users": 0}, "0 users"),
        ({"users": 10**11}, "100,000,000,000 users"),
        ({"days": -1}, "-1 days"),
        ({"days": 10**6}, "1,000,000 days"),
        ({"hours": 0.0}, "0.0 hours"),
        ({"hours": float("nan")}, "nan hours"),
        ({"engine": "spark", "nodes": 0}, "0 nodes"),
        ({"engine": "abacus"}, "no engine 'abacus'"),
        ({"engine": "duckdb", "nodes": 2}, "one machine, not on 2"),
    ],
)
def test_what_makes_no_sense_is_one_clear_error(asked: dict[str, Any], what: str) -> None:
    with pytest.raises(ParamsError, match=what) as raised:
        plan(**asked)
    assert raised.value.fix


def test_without_measurements_there_is_no_plan() -> None:
    none = replace(FIGURES, rows=tuple(r for r in FIGURES.rows if r.engine == "duckdb"))
    with pytest.raises(NotEnoughDataError, match="spark has not been measured"):
        make_plan(Ask(1_000, 120, 2.0, "spark"), none)
