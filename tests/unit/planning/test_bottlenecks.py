"""The share that a plan takes of what can run out."""

from __future__ import annotations

import pytest

from churn_mlops.planning.assumptions import Assumptions, Node
from churn_mlops.planning.plan import make_plan
from churn_mlops.planning.planned import Ask, Plan
from tests.unit.planning import portal

WIDE = Node(
    cores=8,
    memory_gb=1e9,
    disk_gb=1e9,
    disk_gb_per_second=1e9,
    network_gb_per_second=1e9,
)


def first(plan: Plan) -> tuple[str, float]:
    return plan.bottlenecks[0].name, plan.bottlenecks[0].share


def made(engine: str, node: Node, hours: float = 1_000.0, nodes: int | None = None) -> Plan:
    ask = Ask(1_000_000, 120, hours, engine, nodes)
    return make_plan(ask, portal.figures(), node, None, Assumptions(gain_of_driver=0.9))


def test_the_nearest_to_its_end_comes_first() -> None:
    for engine in ("duckdb", "spark"):
        shares = [one.share for one in made(engine, Node()).bottlenecks]
        assert shares == sorted(shares, reverse=True)
        assert len(shares) == 4


def test_one_machine_runs_out_of_each() -> None:
    plan = made("duckdb", Node(**(vars(WIDE) | {"memory_gb": 0.1})))
    assert first(plan)[0] == "memory"
    most = max(stage.memory_bytes for stage in plan.stages)
    assert first(plan)[1] == pytest.approx(most / 1e8)
    plan = made("duckdb", Node(**(vars(WIDE) | {"disk_gb": 1.0})))
    spilled = max(stage.spilled_bytes for stage in plan.stages)
    assert first(plan) == ("local disk", pytest.approx((plan.stored_bytes + spilled) / 1e9))
    plan = made("duckdb", Node(**(vars(WIDE) | {"disk_gb_per_second": 1e-6})))
    moved = sum(plan.total(f"{name}_bytes") for name in ("read", "written", "spilled"))
    assert first(plan) == ("disk bandwidth", pytest.approx(moved / 1e3 / 3.6e6))
    plan = made("duckdb", WIDE, hours=0.01)
    assert first(plan) == ("time on one machine", pytest.approx(plan.hours / 0.01))


def test_a_cluster_runs_out_of_each() -> None:
    small_disks = Node(**(vars(WIDE) | {"disk_gb": 1.0}))
    plan = made("spark", small_disks, nodes=1)
    assert first(plan)[0] == "the workers' local disks"
    assert made("spark", small_disks, nodes=4).bottlenecks[0].share < first(plan)[1]
    plan = made("spark", Node(**(vars(WIDE) | {"network_gb_per_second": 1e-6})), nodes=1)
    assert first(plan) == (
        "network between workers",
        pytest.approx(plan.total("shuffled_bytes") / 1e3 / 3.6e6),
    )
    plan = made("spark", Node(**(vars(WIDE) | {"network_gb_per_second": 1e-6})), nodes=10_000)
    assert first(plan)[0] == "the driver's disk and network"
    plan = made("spark", WIDE, hours=0.02)
    assert first(plan) == ("what does not spread", pytest.approx(7 * 20 / 72, rel=1e-3))


def test_the_drivers_own_work_does_not_spread() -> None:
    ask = Ask(100_000_000, 120, 2.0, "spark", 64)
    alone = make_plan(ask, portal.figures(), WIDE, None, Assumptions(gain_of_driver=0.5))
    spread = make_plan(ask, portal.figures(), WIDE, None, Assumptions(gain_of_driver=0.9))
    assert first(alone)[0] == first(spread)[0] == "what does not spread"
    # Two stages of nine seconds for each of 100 million users.
    grown = 2 * 9 * 100 / 7_200
    assert first(alone)[1] == pytest.approx(first(spread)[1] + grown, rel=1e-3)
