"""What gives way first: the share that a plan takes of everything that can run out."""

from __future__ import annotations

from churn_mlops.planning.assumptions import GB, Node
from churn_mlops.planning.model import OF_ONE_DAY, Model
from churn_mlops.planning.planned import Ask, Bottleneck, StagePlan


def bottlenecks(
    ask: Ask,
    stages: Model,
    planned: tuple[StagePlan, ...],
    stored: float,
    nodes: int,
    node: Node,
) -> tuple[Bottleneck, ...]:
    """What can run out, the nearest to its end first.

    Parameters
    ----------
    ask : Ask
    stages : Model
    planned : tuple of StagePlan
    stored : float
        Bytes of all tables.
    nodes : int
    node : Node
    """
    engine = _of_one_machine if ask.engine == "duckdb" else _of_a_cluster
    found = engine(ask, stages, planned, stored, nodes, node)
    return tuple(sorted(found, key=lambda one: -one.share))


def _of_one_machine(
    ask: Ask,
    stages: Model,
    planned: tuple[StagePlan, ...],
    stored: float,
    nodes: int,
    node: Node,
) -> list[Bottleneck]:
    moved = sum(s.read_bytes + s.written_bytes + s.spilled_bytes for s in planned)
    spilled = max(stage.spilled_bytes for stage in planned)
    return [
        Bottleneck(
            "time on one machine",
            sum(stage.hours for stage in planned) / ask.hours,
            "hours of the run, of the hours that it may take",
        ),
        Bottleneck(
            "memory",
            max(stage.memory_bytes for stage in planned) / (node.memory_gb * GB),
            "the most that a stage holds, of the machine's memory",
        ),
        Bottleneck(
            "local disk",
            (stored + spilled) / (node.disk_gb * GB),
            "all tables and the largest spill, of the machine's disk",
        ),
        Bottleneck(
            "disk bandwidth",
            moved / (node.disk_gb_per_second * GB) / (ask.hours * 3600),
            "bytes read, written and spilled, of what the disk can move in that time",
        ),
    ]


def _of_a_cluster(
    ask: Ask,
    stages: Model,
    planned: tuple[StagePlan, ...],
    stored: float,
    nodes: int,
    node: Node,
) -> list[Bottleneck]:
    network, seconds = node.network_gb_per_second * GB, ask.hours * 3600
    of_one_day = [stage for stage in planned if stage.stage in OF_ONE_DAY]
    alone = sum(stage.seconds.law.fixed for stage in stages.values())
    alone += sum(
        stage.hours * 3600 - stages[stage.stage].seconds.law.fixed
        for stage in of_one_day
        if stage.gain <= 0.5
    )
    shuffled = sum(stage.shuffled_bytes for stage in planned)
    on_disk = max(stage.shuffled_bytes + stage.spilled_bytes for stage in planned)
    driver = max((stage.driver_bytes for stage in of_one_day), default=0.0)
    return [
        Bottleneck(
            "what does not spread",
            alone / seconds,
            "starts of stages and the driver's own work on the day, of the hours it may take",
        ),
        Bottleneck(
            "the workers' local disks",
            on_disk / (nodes * node.disk_gb * GB),
            "the largest shuffle with its spill, of all disks",
        ),
        Bottleneck(
            "network between workers",
            shuffled / (nodes * network) / seconds,
            "bytes shuffled, of what all machines can send in that time",
        ),
        Bottleneck(
            "the driver's disk and network",
            max(driver / (node.disk_gb * GB), driver / network / seconds),
            "the day's scored rows, of one machine's disk, or of what it can receive in that time",
        ),
    ]
