"""Commands about the champion: going back to an earlier one, and what was decided when."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from typing import Annotated

import typer

from churn_mlops.commands.run import AsJson, ParamsFile, read_params, run_stage


def rollback(
    reason: Annotated[str, typer.Option(help="Why, for the ledger.")],
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    to: Annotated[
        str | None,
        typer.Option(help="Beginning of the model_version to go back to; the one before if left."),
    ] = None,
) -> None:
    """Make the previous champion champion again.

    Fetches its bundle from MLflow, verifies it, puts it into artifacts/production/, moves the
    alias and adds a line to the ledger. The model that is left is not promoted again. Then
    `dvc repro batch_score` scores anew.
    """
    from churn_mlops.registry import rollback as action

    run_stage(lambda loaded: action.run(loaded, reason, to), params, json, name="rollback")


def history(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Check the chain of hashes, also against what MLflow noted of it.",
        ),
    ] = False,
) -> None:
    """Show every decision about the champion, oldest first.

    The lines come from artifacts/ledger.jsonl. Each carries the hash of the one before, so that
    a changed, removed or moved line is found; --verify exits with 18 then.
    """
    from churn_mlops.registry.champion import noted_head
    from churn_mlops.registry.history import as_text, ledger

    loaded = read_params(params)
    book = ledger(loaded)
    if verify:
        book.verify(noted_head(loaded))
    entries = book.entries()
    if json:
        typer.echo(jsonlib.dumps({"entries": [asdict(e) for e in entries], "verified": verify}))
    else:
        typer.echo(as_text(entries))
        if verify:
            typer.echo(f"{len(entries)} entries, none changed")


COMMANDS = (rollback, history)
