"""The parts of docs/scaling.md that look ahead: where Spark begins to pay, and three plans."""

from __future__ import annotations

from churn_mlops.planning.assumptions import Assumptions, Node, Prices
from churn_mlops.planning.choose import both_engines, most_users
from churn_mlops.planning.figures import Figures
from churn_mlops.planning.model import ENGINES, Model, fitted, without_source
from churn_mlops.planning.planned import Plan, basis
from churn_mlops.planning.text import ENGINE_NAMES, count, machines, size, span, spill, three

USERS = (1_000_000, 10_000_000, 100_000_000)
DAYS, HOURS = 365, 2.0
# Between these sizes both engines are compared on the same cores.
SMALLEST, LARGEST = 1e4, 1e12


def crossing(figures: Figures) -> list[str]:
    """From which size on Spark is faster on the same cores, and up to where one machine lasts.

    Parameters
    ----------
    figures : Figures
    """
    node = Node()
    lines = []
    models = {engine: without_source(fitted(figures, engine)) for engine in ENGINES}
    if all(models.values()):
        cores = max(stage.cores for stage in models["duckdb"].values())
        lines.append(f"- On the same {cores} cores Spark is {_faster(models, figures)}.")
    for engine in ENGINES:
        if models[engine]:
            most = most_users(DAYS, HOURS, figures, engine, node)
            number = "one machine" if engine == "duckdb" else "as many machines as it takes"
            lines.append(
                f"- {ENGINE_NAMES[engine]} on {number} of {node.cores} cores keeps {HOURS:g} h"
                f" up to {count(most)} users with {DAYS} days."
            )
    return lines


def _faster(models: dict[str, Model], figures: Figures) -> str:
    """From which size on Spark is faster with the measured cores."""
    days = figures.rows[0].days

    def ahead(user_days: float) -> float:
        """Seconds by which Spark is faster, all stages together."""
        duckdb, spark = (
            sum(
                s.seconds.law.at(user_days / days if s.of_one_day else user_days)
                for s in m.values()
            )
            for m in (models["duckdb"], models["spark"])
        )
        return duckdb - spark

    few, many = SMALLEST, LARGEST
    if ahead(many) <= 0:
        return "never faster"
    if ahead(few) > 0:
        return "always faster"
    while many > 1.001 * few:
        middle = (few * many) ** 0.5
        few, many = (few, middle) if ahead(middle) > 0 else (middle, many)
    return f"faster from about {count(float(f'{many:.2g}'))} user-days on"


def plans(figures: Figures) -> list[str]:
    """A full run for one, ten and a hundred million users.

    Parameters
    ----------
    figures : Figures
    """
    node, prices, assumed = Node(), Prices(), Assumptions()
    lines = [
        f"{DAYS} days kept, a full run within {HOURS:g} h, machines of {node.cores} cores,"
        f" {node.memory_gb:g} GB of memory and {node.disk_gb:g} GB of disk; {prices.core_hour:g} a"
        f" core-hour, {prices.gb_month:g} a GB-month, {prices.thousand_writes:g} and"
        f" {prices.thousand_reads:g} a thousand requests that write and read; a doubling of the"
        f" cores makes {2 * assumed.gain:g} times the speed where that was not measured.",
        "",
        "| users | machines | time | core-hours | tables | read and written by a run | spilled |"
        " shuffled | a run | a month | first to give way | basis |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for users in USERS:
        for plan in both_engines(users, DAYS, HOURS, figures, node, prices, assumed):
            lines.append(_row(users, plan))
    return lines


def _row(users: int, plan: Plan) -> str:
    first = plan.bottlenecks[0]
    late = "" if plan.in_time else ", **not in time**"
    cells = (
        count(users),
        machines(plan),
        f"{span(plan.hours)}{late}",
        three(plan.core_hours),
        size(plan.stored_bytes),
        f"{size(plan.total('read_bytes'))}, {size(plan.total('written_bytes'))}",
        spill(plan.total("spilled_bytes"), plan.spill_seen),
        size(plan.total("shuffled_bytes")),
        three(plan.run_cost["total"]),
        three(plan.month_cost["total"]),
        f"{first.name}, {first.share:.0%}",
        basis(plan.times_beyond, plan.cores, plan.measured_cores),
    )
    return "| " + " | ".join(cells) + " |"
