"""Sizes of Spark's driver and executors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.planning.assumptions import Assumptions, Node
from churn_mlops.planning.plan import make_plan
from churn_mlops.planning.planned import Ask
from churn_mlops.planning.spark_sizes import sizes_of, spark_sizes
from tests.unit.planning import portal

FIGURES = portal.figures()


def test_memory_per_core_is_what_was_measured() -> None:
    sizes = spark_sizes(10_000_000, 365, 2.0, FIGURES)
    assert sizes.cores == 4
    assert sizes.heap_gib == 8
    # A quarter of a gigabyte of Python for each core was measured; twice that is given.
    assert sizes.overhead_gib == 2
    assert sizes.driver_heap_gib == 2
    # The driver's DuckDB may take its four gigabytes.
    assert sizes.driver_overhead_gib == 5
    assert sizes.in_time


@given(st.integers(1_000, 1_000_000_000))
def test_executors_have_the_cores_of_the_plan(users: int) -> None:
    plan = make_plan(Ask(users, 120, 2.0, "spark"), FIGURES)
    sizes = sizes_of(plan, FIGURES)
    assert sizes.instances * sizes.cores == plan.cores
    assert sizes == spark_sizes(users, 120, 2.0, FIGURES)
    more = spark_sizes(2 * users, 120, 2.0, FIGURES)
    # What is late has no number that would do, but one that more would not help.
    assert more.instances >= sizes.instances or not more.in_time
    assert more.heap_gib == sizes.heap_gib


def test_small_machines_have_small_executors() -> None:
    sizes = spark_sizes(1_000, 120, 2.0, FIGURES, Node(cores=2), Assumptions(python_headroom=10))
    assert (sizes.instances, sizes.cores, sizes.heap_gib) == (1, 2, 4)
    assert sizes.overhead_gib == 5


def test_as_properties_of_spark() -> None:
    conf = spark_sizes(10_000_000, 365, 2.0, FIGURES).conf()
    assert conf["spark.executor.memory"] == "8g"
    assert conf["spark.executor.memoryOverhead"] == "2g"
    assert conf["spark.driver.memory"] == "2g"
    assert int(conf["spark.executor.instances"]) > 1


def test_the_packages_own_figures_size_a_cluster() -> None:
    assert spark_sizes(1_000_000).instances >= 1
