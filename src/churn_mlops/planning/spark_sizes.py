"""How large Spark's driver and executors should be, for the files that start them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from churn_mlops.planning.assumptions import Assumptions, Node
from churn_mlops.planning.figures import Figures, bytes_of, load
from churn_mlops.planning.model import reference_cores
from churn_mlops.planning.plan import make_plan
from churn_mlops.planning.planned import Ask, Plan

GIB = 2**30


@dataclass(frozen=True)
class SparkSizes:
    """What Spark is asked for; memory in GiB.

    Parameters
    ----------
    instances : int
        Executors.
    cores : int
        Of each.
    heap_gib, overhead_gib : int
        Of each executor: Java's heap; the rest, most of it for the Python workers.
    driver_heap_gib, driver_overhead_gib : int
        The same of the driver; its overhead holds the DuckDB that ranks the day's rows.
    in_time : bool
        Whether a full run then keeps its hours.
    """

    instances: int
    cores: int
    heap_gib: int
    overhead_gib: int
    driver_heap_gib: int
    driver_overhead_gib: int
    in_time: bool

    def conf(self) -> dict[str, str]:
        """The same as properties of Spark."""
        return {
            "spark.executor.instances": str(self.instances),
            "spark.executor.cores": str(self.cores),
            "spark.executor.memory": f"{self.heap_gib}g",
            "spark.executor.memoryOverhead": f"{self.overhead_gib}g",
            "spark.driver.memory": f"{self.driver_heap_gib}g",
            "spark.driver.memoryOverhead": f"{self.driver_overhead_gib}g",
        }


def spark_sizes(
    users: int,
    days: int = 365,
    hours: float = 2.0,
    figures: Figures | None = None,
    node: Node | None = None,
    assumptions: Assumptions | None = None,
) -> SparkSizes:
    """Size a cluster for a full run.

    Memory per core is what was measured to be enough: a task works on a bounded share of the rows
    and spills, so more rows mean more tasks, not larger ones.

    Parameters
    ----------
    users : int
        With a row each day.
    days : int
        Of history.
    hours : float
        Within which a full run must end.
    figures : Figures, optional
        Those of the package by default.
    node : Node, optional
        The machines that executors are packed on.
    assumptions : Assumptions, optional

    Raises
    ------
    ParamsError, NotEnoughDataError
        See `make_plan`.
    """
    figures, node = figures or load(), node or Node()
    plan = make_plan(Ask(users, days, hours, "spark"), figures, node, None, assumptions)
    return sizes_of(plan, figures, assumptions)


def sizes_of(plan: Plan, figures: Figures, assumptions: Assumptions | None = None) -> SparkSizes:
    """Size a cluster for a plan that is there; see `spark_sizes`.

    Parameters
    ----------
    plan : Plan
        With Spark.
    figures : Figures
        That the plan was made from.
    assumptions : Assumptions, optional
    """
    assumptions = assumptions or Assumptions()
    rows = figures.of("spark", reference_cores(figures, "spark"))
    cores = min(assumptions.cores_per_executor, plan.cores)
    heap = max(bytes_of(row.executor_memory) for row in rows) / GIB
    python = max(row.python_workers_bytes / row.cores for row in rows) / GIB
    driver = max(bytes_of(row.driver_memory) for row in rows) / GIB
    embedded = max(bytes_of(row.memory_limit) for row in rows) / GIB
    return SparkSizes(
        instances=math.ceil(plan.cores / cores),
        cores=cores,
        heap_gib=math.ceil(heap * cores),
        overhead_gib=math.ceil(max(python * assumptions.python_headroom, 0.1 * heap) * cores),
        driver_heap_gib=math.ceil(driver),
        driver_overhead_gib=math.ceil(embedded + 0.5),
        in_time=plan.in_time,
    )
