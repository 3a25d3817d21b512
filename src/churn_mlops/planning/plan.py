"""Makes a plan: what a full run takes for so many users, on which machines, for which money."""

from __future__ import annotations

from churn_mlops.errors import NotEnoughDataError, ParamsError
from churn_mlops.planning.assumptions import GB, Assumptions, Node, Prices
from churn_mlops.planning.bottlenecks import bottlenecks
from churn_mlops.planning.figures import Figures
from churn_mlops.planning.model import (
    ENGINES,
    OF_ONE_DAY,
    SOURCE,
    Gain,
    Model,
    StageModel,
    fitted,
    without_source,
)
from churn_mlops.planning.planned import Ask, Plan, StagePlan

MOST_NODES = 65_536
MOST_USERS, MOST_DAYS, MOST_HOURS = 10_000_000_000, 36_525, 8_760.0
# More machines still help while twice as many save such a share of the time.
WORTH_DOUBLING = 0.05


def make_plan(
    ask: Ask,
    figures: Figures,
    node: Node | None = None,
    prices: Prices | None = None,
    assumptions: Assumptions | None = None,
) -> Plan:
    """Plan a full run: every table anew from the raw log.

    Parameters
    ----------
    ask : Ask
    figures : Figures
    node : Node, optional
        Each machine.
    prices : Prices, optional
    assumptions : Assumptions, optional

    Raises
    ------
    ParamsError
        What is asked for is impossible.
    NotEnoughDataError
        The engine was measured at fewer than two sizes.
    """
    _check(ask)
    node, prices = node or Node(), prices or Prices()
    assumptions = assumptions or Assumptions()
    model, source = fitted(figures, ask.engine), fitted(figures, "duckdb").get(SOURCE)
    stages = without_source(model)
    if not stages or source is None:
        raise NotEnoughDataError(
            f"{ask.engine} has not been measured at two sizes, so nothing can be told of others",
            fix="measure it: python benchmarks/scaling.py --help",
        )
    gains = {name: _gain(stage, assumptions) for name, stage in stages.items()}
    nodes = _nodes(ask, stages, gains, node)
    cores = nodes * node.cores
    planned = tuple(_stage(stage, ask, cores, gains[name]) for name, stage in stages.items())
    raw = source.output.at(ask.user_days)
    stored = raw + sum(stage.written_bytes for stage in planned)
    run_cost = _run_cost(planned, prices, assumptions)
    month_cost = {name: cost * assumptions.runs_per_month for name, cost in run_cost.items()}
    month_cost["storage"] = stored / GB * prices.gb_month
    return Plan(
        ask=ask,
        nodes=nodes,
        cores=cores,
        in_time=sum(stage.hours for stage in planned) <= ask.hours,
        stages=planned,
        raw_bytes=raw,
        stored_bytes=stored,
        run_cost=run_cost | {"total": sum(run_cost.values())},
        month_cost=month_cost | {"total": sum(month_cost.values())},
        bottlenecks=bottlenecks(ask, stages, planned, stored, nodes, node),
        measured_cores=max(stage.cores for stage in stages.values()),
    )


def _check(ask: Ask) -> None:
    """Raise ParamsError for what cannot be."""
    for name, value, most in (
        ("users", ask.users, MOST_USERS),
        ("days", ask.days, MOST_DAYS),
        ("hours", ask.hours, MOST_HOURS),
        ("nodes", 1 if ask.nodes is None else ask.nodes, MOST_NODES),
    ):
        if not 0 < value <= most:
            raise ParamsError(
                f"a plan for {value:,} {name} makes no sense",
                fix=f"{name} must be above 0 and at most {most:,}",
            )
    if ask.engine not in ENGINES:
        raise ParamsError(
            f"there is no engine '{ask.engine}'", fix=f"take one of {', '.join(ENGINES)}"
        )
    if ask.engine == "duckdb" and ask.nodes not in (None, 1):
        raise ParamsError(
            f"DuckDB runs on one machine, not on {ask.nodes}", fix="leave nodes out, or take spark"
        )


def _gain(stage: StageModel, assumptions: Assumptions) -> Gain:
    if stage.gain is not None:
        return stage.gain
    by_driver = stage.engine == "spark" and stage.stage in OF_ONE_DAY
    return Gain(assumptions.gain_of_driver if by_driver else assumptions.gain, False)


def seconds_on(ask: Ask, stages: Model, gains: dict[str, Gain], cores: int) -> float:
    """Seconds of all stages.

    Parameters
    ----------
    ask : Ask
    stages : Model
    gains : dict of str to Gain
        By stage.
    cores : int
    """
    return sum(
        stage.seconds_on(stage.rows(ask.users, ask.user_days), cores, gains[name].per_doubling)
        for name, stage in stages.items()
    )


def _nodes(ask: Ask, stages: Model, gains: dict[str, Gain], node: Node) -> int:
    """The fewest machines that keep the hours; where none do, as many as are worth it."""
    if ask.engine == "duckdb" or ask.nodes is not None:
        return ask.nodes or 1

    def hours(nodes: int) -> float:
        return seconds_on(ask, stages, gains, nodes * node.cores) / 3600

    if hours(MOST_NODES) > ask.hours:
        nodes = 1
        while hours(2 * nodes) < (1 - WORTH_DOUBLING) * hours(nodes) and nodes < MOST_NODES:
            nodes *= 2
        return nodes
    few, many = 0, MOST_NODES
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if hours(middle) <= ask.hours else (middle, many)
    return many


def _stage(stage: StageModel, ask: Ask, cores: int, gain: Gain) -> StagePlan:
    rows = stage.rows(ask.users, ask.user_days)
    hours = stage.seconds_on(rows, cores, gain.per_doubling) / 3600
    return StagePlan(
        stage=stage.stage,
        rows=rows,
        times_beyond=rows / stage.largest,
        hours=hours,
        core_hours=hours * cores,
        memory_bytes=stage.memory.at(rows),
        read_bytes=stage.read.at(rows),
        written_bytes=stage.output.at(rows),
        spilled_bytes=stage.spilled.at(rows),
        shuffled_bytes=stage.shuffled.at(rows),
        driver_bytes=stage.through_driver.at(rows),
        spill_seen=stage.spilled.slope > 0,
        gain=gain.per_doubling,
        gain_measured=gain.measured,
    )


def _run_cost(
    stages: tuple[StagePlan, ...], prices: Prices, assumptions: Assumptions
) -> dict[str, float]:
    request = assumptions.request_mb * 1e6
    read, written = sum(s.read_bytes for s in stages), sum(s.written_bytes for s in stages)
    asked = read / request * prices.thousand_reads + written / request * prices.thousand_writes
    return {
        "compute": sum(stage.core_hours for stage in stages) * prices.core_hour,
        "requests": asked / 1000,
    }
