"""The command that plans: how many machines, hours, bytes and how much money for so many users."""

from __future__ import annotations

import json as jsonlib
from enum import StrEnum
from typing import Annotated

import typer

from churn_mlops.commands.run import AsJson


class Engine(StrEnum):
    """What to plan for."""

    AUTO = "auto"
    DUCKDB = "duckdb"
    SPARK = "spark"


def plan(
    users: Annotated[
        int, typer.Option(min=1, max=10_000_000_000, help="Users who have a row on each day.")
    ],
    days: Annotated[int, typer.Option(min=1, max=36_525, help="Days of history kept.")] = 365,
    hours: Annotated[
        float, typer.Option(min=0.01, max=8_760, help="Within which a full run must end.")
    ] = 2.0,
    engine: Annotated[
        Engine, typer.Option(help="auto: the cheaper one of those that keep the hours.")
    ] = Engine.AUTO,
    nodes: Annotated[
        int | None,
        typer.Option(min=1, max=65_536, help="Machines of Spark; else the fewest that do."),
    ] = None,
    node_cores: Annotated[int, typer.Option(min=1, max=1_024, help="Cores of a machine.")] = 8,
    node_memory_gb: Annotated[float, typer.Option(min=1, help="Its memory.")] = 32.0,
    node_disk_gb: Annotated[float, typer.Option(min=1, help="Its disk.")] = 300.0,
    price_core_hour: Annotated[float, typer.Option(min=0, help="Of a core for an hour.")] = 0.05,
    price_gb_month: Annotated[float, typer.Option(min=0, help="Of storage.")] = 0.023,
    price_thousand_writes: Annotated[
        float, typer.Option(min=0, help="Of requests to the object store that write.")
    ] = 0.005,
    price_thousand_reads: Annotated[float, typer.Option(min=0, help="That read.")] = 0.0004,
    json: AsJson = False,
) -> None:
    """Plan machines, hours, bytes and money for a full run over so many users and days.

    Laws fitted to measurements of every stage tell what it takes; each line says whether it lies
    in the range that was measured or how many times beyond. A full run makes every table anew from
    the raw log; a day's work of `churn daily` is far less. docs/scaling.md explains the model.

        churn plan --users 10000000 --days 365

        churn plan --users 1000000 --days 90 --engine spark --nodes 4
    """
    from churn_mlops.planning.assumptions import Node, Prices
    from churn_mlops.planning.choose import both_engines
    from churn_mlops.planning.figures import load
    from churn_mlops.planning.plan import make_plan
    from churn_mlops.planning.planned import Ask
    from churn_mlops.planning.spark_sizes import sizes_of
    from churn_mlops.planning.text import as_text

    figures, node = load(), Node(node_cores, node_memory_gb, node_disk_gb)
    prices = Prices(price_core_hour, price_gb_month, price_thousand_writes, price_thousand_reads)
    if engine is Engine.AUTO and nodes is None:
        plans = both_engines(users, days, hours, figures, node, prices)
    else:
        named = Engine.SPARK if engine is Engine.AUTO else engine
        ask = Ask(users, days, hours, named.value, nodes)
        plans = [make_plan(ask, figures, node, prices)]
    sizes = sizes_of(plans[0], figures) if plans[0].ask.engine == "spark" else None
    if json:
        body = {"plans": [one.body() for one in plans], "spark": sizes.conf() if sizes else None}
        typer.echo(jsonlib.dumps(body))
    else:
        typer.echo(as_text(plans, sizes))


COMMANDS = (plan,)
