"""Commands of the loop: what runs by itself, day after day."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from churn_mlops.commands.run import AsJson, ParamsFile, run_stage


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
    run_stage(lambda loaded: action.run(loaded, day), params, json, name="daily")


COMMANDS = (daily,)
