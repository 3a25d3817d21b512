"""The `churn` program."""

from __future__ import annotations

from typing import Annotated

import typer

from churn_mlops import __version__
from churn_mlops.commands import (
    data,
    inspect,
    jobs,
    loop,
    monitoring,
    plan,
    registry,
    serving,
    stages,
    state,
    step,
    training,
)
from churn_mlops.commands.run import fail
from churn_mlops.errors import ChurnError

app = typer.Typer(
    name="churn",
    help="Which users will leave, why, and a system that looks after itself.\n\n"
    "The stages below make up the pipeline that `dvc repro` runs; each reads and writes"
    " the files that dvc.yaml declares.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"churn-mlops {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Carry the options of the program itself."""


for _stage in stages.STAGES:
    app.command()(_stage)
for _group in (data, loop, training, registry, serving, monitoring, state, plan, inspect):
    for _command in _group.COMMANDS:
        _kind = monitoring.Verdict if _command in monitoring.VERDICTS else None
        app.command(cls=_kind)(_command)
app.add_typer(jobs.app, name="job")
app.add_typer(step.app, name="step")


def main() -> None:
    """Run the program; a known error is one clear message and its exit code."""
    try:
        app()
    except ChurnError as error:
        fail(error)
