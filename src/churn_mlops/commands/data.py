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


def bad_days(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    mended: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Take a day off: its data is sound now."),
    ] = None,
    add: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="A day that is not to be learned from."),
    ] = None,
    why: Annotated[str | None, typer.Option(help="What is wrong with the day to add.")] = None,
    features_only: Annotated[
        bool, typer.Option("--features-only", help="Who was active on it is right all the same.")
    ] = False,
) -> None:
    """Show the days whose data no model learns from; take one off, or add one.

    Days that fail their checks, and days with a fault of the source, come in by themselves
    (data/raw/bad_days.json). A bad day spoils the features of the days that look back on it and,
    unless only features are wrong, the labels of the days that look ahead to it.
    """
    from churn_mlops.data import bad_days_table as action

    sound, bad = (one.date() if one else None for one in (mended, add))
    run_stage(
        lambda loaded: action.run(loaded, sound, bad, why, not features_only),
        params,
        json,
        name="bad_days",
        writes=sound is not None or bad is not None,
    )


COMMANDS = (ingest, bad_days)
