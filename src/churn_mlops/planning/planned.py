"""What a plan says: a full run, stage by stage, and how sure each number is.

A full run makes every table anew from the raw log, as `dvc repro` does after a change of the
code. A day's work of `churn daily` touches the last days only and stays far below it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# Beyond so many times the largest measured size a law is no more than a guess.
FAR = 100


@dataclass(frozen=True)
class Ask:
    """What a plan is asked for.

    Parameters
    ----------
    users : int
        With a row each day.
    days : int
        Of history that are kept.
    hours : float
        Within which a full run must end.
    engine : str
        ``duckdb`` or ``spark``.
    nodes : int, optional
        Machines; by default the fewest that keep the hours. DuckDB has one.
    """

    users: int
    days: int = 365
    hours: float = 2.0
    engine: str = "duckdb"
    nodes: int | None = None

    @property
    def user_days(self) -> int:
        """Rows of the daily grid."""
        return self.users * self.days


@dataclass(frozen=True)
class StagePlan:
    """One stage.

    Parameters
    ----------
    stage : str
    rows : int
        User-days, or users where it works on one day.
    times_beyond : float
        How many times beyond the largest measured size; at most 1 is within what was measured.
    hours : float
        On the plan's nodes.
    core_hours : float
        Of all their cores, busy or not: what is paid.
    memory_bytes : float
        With DuckDB of the process; with Spark, see `spark_sizes`.
    read_bytes, written_bytes : float
        Of tables.
    spilled_bytes, shuffled_bytes, driver_bytes : float
        To local disks, between machines, through the driver.
    spill_seen : bool
        Whether any measured size spilled; if none did, nothing is known of larger ones.
    gain : float
        Per doubling of the cores.
    gain_measured : bool
    """

    stage: str
    rows: int
    times_beyond: float
    hours: float
    core_hours: float
    memory_bytes: float
    read_bytes: float
    written_bytes: float
    spilled_bytes: float
    shuffled_bytes: float
    driver_bytes: float
    spill_seen: bool
    gain: float
    gain_measured: bool


@dataclass(frozen=True)
class Bottleneck:
    """Something that can run out, and which share of it the plan takes: above 1 it has."""

    name: str
    share: float
    meaning: str


@dataclass(frozen=True)
class Plan:
    """The whole run.

    Parameters
    ----------
    ask : Ask
    nodes : int
        The fewest that keep the hours; if none do, as many as still help.
    cores : int
        Of all nodes.
    in_time : bool
    stages : tuple of StagePlan
    raw_bytes, stored_bytes : float
        Of the raw tables; of all tables.
    run_cost, month_cost : dict of str to float
    bottlenecks : tuple of Bottleneck
        The nearest to its end first.
    measured_cores : int
        With so many cores the stages were measured.
    """

    ask: Ask
    nodes: int
    cores: int
    in_time: bool
    stages: tuple[StagePlan, ...]
    raw_bytes: float
    stored_bytes: float
    run_cost: dict[str, float]
    month_cost: dict[str, float]
    bottlenecks: tuple[Bottleneck, ...]
    measured_cores: int

    @property
    def hours(self) -> float:
        """Of the run."""
        return sum(stage.hours for stage in self.stages)

    @property
    def core_hours(self) -> float:
        """Of the run."""
        return sum(stage.core_hours for stage in self.stages)

    @property
    def times_beyond(self) -> float:
        """How far the stage goes that goes furthest beyond what was measured."""
        return max(stage.times_beyond for stage in self.stages)

    @property
    def spill_seen(self) -> bool:
        """Whether any stage spilled at a measured size."""
        return any(stage.spill_seen for stage in self.stages)

    def total(self, name: str) -> float:
        """The sum of a column of the stages."""
        return float(sum(getattr(stage, name) for stage in self.stages))

    def body(self) -> dict[str, Any]:
        """What JSON is made of; every stage says whether it is measured or extrapolated."""
        stages = [
            asdict(stage) | {"basis": basis(stage.times_beyond, self.cores, self.measured_cores)}
            for stage in self.stages
        ]
        sums = ("read_bytes", "written_bytes", "spilled_bytes", "shuffled_bytes")
        return (
            asdict(self)
            | {"user_days": self.ask.user_days, "hours": self.hours, "core_hours": self.core_hours}
            | {name: self.total(name) for name in sums}
            | {"stages": stages}
            | {"basis": basis(self.times_beyond, self.cores, self.measured_cores)}
        )


def basis(times_beyond: float, cores: int, measured_cores: int) -> str:
    """Whether a number is measured, or how far from it.

    Parameters
    ----------
    times_beyond : float
        Size, relative to the largest measured.
    cores, measured_cores : int
    """
    parts = [f"{times_beyond:,.1f} times the size"] if times_beyond > 1 else []
    parts += [f"{cores / measured_cores:,.0f} times the cores"] if cores > measured_cores else []
    kind = "guessed" if times_beyond > FAR else "extrapolated"
    return f"{kind}: {', '.join(parts)}" if parts else "measured range"
