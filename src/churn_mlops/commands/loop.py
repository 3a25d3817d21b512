"""Commands of the loop: what runs by itself, day after day."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from churn_mlops.commands.run import AsJson, ParamsFile, read_params, run_stage
from churn_mlops.loop.terminated import ended_by_sigterm


def daily(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day to bring in; the next by default."),
    ] = None,
) -> None:
    """Bring in the new days and do a day's work for each: the list, and what is known about it.

    Ingests, validates, prepares, builds features and labels, scores, checks scores, drift and
    performance, and publishes each step. In Parquet a day costs a day, not the history. Safe to run
    again after any interruption: a day that was broken off is finished. A day whose data fails its
    checks has no list and is not learned from (exit code 13); the days after it go on.
    Writes artifacts/daily/DATE.json, besides what the steps write.
    """
    from churn_mlops.loop import daily as action

    day = as_of.date() if as_of else None
    with ended_by_sigterm():
        run_stage(lambda loaded: action.run(loaded, day), params, json, name="daily")


def simulate(
    scenario: Annotated[
        str,
        typer.Option(
            help="What happens: calm, engagement-shift, new-market, broken-tracking, seconds,"
            " poisoned-week, price-change, late-data, competitor."
        ),
    ] = "calm",
    days: Annotated[int, typer.Option(min=1, max=1_000, help="How many are lived through.")] = 180,
    users: Annotated[int, typer.Option(min=100, help="Of the portal, after 120 days.")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another portal.")] = 42,
    into: Annotated[
        Path | None, typer.Option(help="The folder; simulations/SCENARIO-SEED by default.")
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Run the API beside it and ask it.")
    ] = True,
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
) -> None:
    """Live through months of a synthetic portal in minutes, to see what the loop does.

    A workspace of its own is laid out in a folder, with 120 days of history and the project's
    pipeline and parameters; the first models are trained with `dvc repro`. Then every day is lived
    through as anywhere: `churn daily`, `churn retrain` with its gate and its probation, the API
    under requests. On the 61st day something happens (--scenario). A simulation that was
    interrupted goes on where it was. Writes diary.jsonl (a line per day), summary.json and
    index.html, a page that shows all of it. docs/simulate.md explains the scenarios.
    """
    from churn_mlops.loop import simulate as action
    from churn_mlops.loop.scenarios import scenario as known
    from churn_mlops.loop.stage import FIRST_DAY, Plan

    known(scenario)
    folder = into or Path("simulations") / f"{scenario}-{seed}"
    read_params(params)
    started = time.perf_counter()
    plan = Plan(scenario, users, seed, FIRST_DAY)
    summary = action.run(Path(params), folder, plan, days, serve=serve)
    seconds = time.perf_counter() - started
    typer.echo(summary.as_json(seconds) if json else summary.as_text(seconds))


COMMANDS = (daily, simulate)
