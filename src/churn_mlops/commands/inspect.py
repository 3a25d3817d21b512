"""Commands that show: the riskiest users, the report, the parameters, the generated pages."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from churn_mlops.commands.run import AsJson, ParamsFile, read_params, run_stage


def top(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    n: Annotated[int, typer.Option("-n", min=1, help="How many users.")] = 10,
) -> None:
    """Show the users most at risk in the latest predictions, and where everything lies."""
    from churn_mlops.inference.ranking import as_text, latest, written

    loaded = read_params(params)
    rows, paths = latest(loaded, n), written(loaded)
    if json:
        body = {"users": rows, "files": [str(path) for path in paths]}
        typer.echo(jsonlib.dumps(body, default=str))
    else:
        typer.echo(as_text(rows, paths))


def show_params(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Show the parameters in effect: the file, the overrides and the defaults together."""
    import yaml

    tree = read_params(params).model_dump(mode="json")
    typer.echo(jsonlib.dumps(tree) if json else yaml.safe_dump(tree, sort_keys=False).rstrip())


def report(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    out: Annotated[Path, typer.Option("--out", help="Where the page goes.")] = Path(
        "reports/index.html"
    ),
) -> None:
    """Write the report: one HTML page that needs no network and can be mailed or printed.

    It says how good the list is and for whom, what the model looks at, what the gate decided and
    why, and who is most at risk. It reads what `dvc repro` has written; a part that is not there
    is a line on the page, but without any evaluated model there is no report.
    """
    from functools import partial

    from churn_mlops.report.write import run

    run_stage(partial(run, path=out), params, json, name="report")


def docs(
    folder: Annotated[Path, typer.Argument(help="Where the pages go.")] = Path("docs"),
    json: AsJson = False,
) -> None:
    """Write the pages that are generated from code: checks, features, parameters, commands."""
    from churn_mlops.commands.pages import pages

    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    names = [str(folder / name) for name in pages()]
    typer.echo(jsonlib.dumps({"files": names}) if json else "\n".join(names))


COMMANDS = (top, report, show_params, docs)
