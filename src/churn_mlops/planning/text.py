"""A plan as people read it."""

from __future__ import annotations

from collections.abc import Sequence

from churn_mlops.planning.planned import Plan, StagePlan, basis
from churn_mlops.planning.spark_sizes import SparkSizes

ENGINE_NAMES = {"duckdb": "DuckDB", "spark": "Spark"}
_BYTES = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"))
_COUNTS = ((1e9, "billion"), (1e6, "million"))
_HEAD = ("stage", "time", "core-hours", "memory", "read", "written", "spilled", "shuffled")


def size(value: float) -> str:
    """Bytes with a unit: ``1.2 GB``."""
    for unit, name in _BYTES:
        if value >= unit:
            return f"{three(value / unit)} {name}"
    return f"{three(value / 1e3)} kB" if value >= 1e3 else f"{value:.0f} B" if value else "0"


def spill(value: float, seen: bool) -> str:
    """Bytes spilled; where none were seen at any size, that is all that is known."""
    return size(value) if seen else "none seen"


def span(hours: float) -> str:
    """A time with a unit: ``2.07 h``, ``12.4 min``, ``3.20 s``."""
    for unit, name in ((1.0, "h"), (60.0, "min")):
        if hours * unit >= 1:
            return f"{three(hours * unit)} {name}"
    return f"{three(hours * 3600)} s"


def three(value: float) -> str:
    """A number with about three digits that mean something: ``1,240``, ``12.4``, ``0.012``."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or not value else f"{value:.2g}"


def count(value: float) -> str:
    """A large number in words: ``3.65 billion``."""
    for unit, name in _COUNTS:
        if value >= unit:
            return f"{value / unit:.4g} {name}"
    return f"{value:,.0f}"


def machines(plan: Plan) -> str:
    """``DuckDB on one machine of 8 cores``, ``Spark on 41 machines of 8 cores``."""
    number = "one machine" if plan.nodes == 1 else f"{plan.nodes:,} machines"
    return f"{ENGINE_NAMES[plan.ask.engine]} on {number} of {plan.cores // plan.nodes} cores"


def as_text(plans: Sequence[Plan], sizes: SparkSizes | None) -> str:
    """The first plan in full, a line on each other one.

    Parameters
    ----------
    plans : sequence of Plan
        The chosen one first.
    sizes : SparkSizes or None
        Of Spark's executors, if it was chosen.
    """
    plan, ask = plans[0], plans[0].ask
    lines = [
        f"{count(ask.users)} users a day, {ask.days} days kept: {count(ask.user_days)} user-days;"
        f" a full run within {ask.hours:g} h",
        "",
        _verdict(plan),
        f"  {basis(plan.times_beyond, plan.cores, plan.measured_cores)}"
        f" (measured with {plan.measured_cores} cores)",
    ]
    lines += [f"or: {_verdict(other)}" for other in plans[1:]]
    lines += ["", *_table(plan), ""]
    lines.append(
        f"tables: {size(plan.stored_bytes)}, of these raw {size(plan.raw_bytes)};"
        f" a run reads {size(plan.total('read_bytes'))} and writes"
        f" {size(plan.total('written_bytes'))}"
    )
    parts = ", ".join(f"{k} {three(v)}" for k, v in plan.month_cost.items() if k != "total")
    lines.append(f"a month of daily full runs: {three(plan.month_cost['total'])} ({parts})")
    if sizes:
        lines.append("Spark: " + ", ".join(f"{k} {v}" for k, v in sizes.conf().items()))
    lines += ["", "what gives way first:"]
    lines += [f"  {one.name}: {one.share:.1%} ({one.meaning})" for one in plan.bottlenecks]
    return "\n".join(lines)


def _verdict(plan: Plan) -> str:
    late = "" if plan.in_time else ": NOT IN TIME"
    return (
        f"{machines(plan)}: {span(plan.hours)}, {three(plan.core_hours)} core-hours,"
        f" {three(plan.run_cost['total'])} a run{late}"
    )


def _table(plan: Plan) -> list[str]:
    rows: list[tuple[str, ...]] = [(*_HEAD, "basis")]
    rows += [_cells(plan, stage) for stage in plan.stages]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD))]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows]


def _cells(plan: Plan, stage: StagePlan) -> tuple[str, ...]:
    memory = size(stage.memory_bytes) if plan.ask.engine == "duckdb" else "see below"
    return (
        stage.stage,
        span(stage.hours),
        three(stage.core_hours),
        memory,
        size(stage.read_bytes),
        size(stage.written_bytes),
        spill(stage.spilled_bytes, stage.spill_seen),
        size(stage.shuffled_bytes),
        basis(stage.times_beyond, plan.cores, plan.measured_cores),
    )
