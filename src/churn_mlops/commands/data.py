"""Commands that bring data in between runs of the pipeline."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from churn_mlops.commands.run import AsJson, ParamsFile, run_stage


def ingest(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The last complete day to bring in; by default the portal's next day"
            " (synthetic), else yesterday (UTC).",
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Look for late rows back to this day; data.late_days by default.",
        ),
    ] = None,
) -> None:
    """Bring new days of the event log in; nothing that is held changes.

    Adds to data/raw/ the rows up to the end of a day that are not held yet, late ones included, and
    then moves data/raw/watermark.json. Asking for a day once more adds nothing twice. In an empty
    workspace everything up to the day is brought in.
    """
    from churn_mlops.data import ingest as action

    day = as_of.date() if as_of else None
    back = since.date() if since else None
    run_stage(lambda loaded: action.run(loaded, day, back), params, json, name="ingest")


COMMANDS = (ingest,)
