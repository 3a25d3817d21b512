"""Commands about registered models: going back to one, what was decided when, making one again."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from pathlib import Path
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


def reproduce(
    version: Annotated[
        str,
        typer.Argument(
            help="Of the model: the registry's number, the beginning of its model_version, or"
            " an alias such as champion."
        ),
    ],
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    into: Annotated[
        Path | None, typer.Option(help="A new folder to work in, which is kept to look into.")
    ] = None,
    from_raw: Annotated[
        bool,
        typer.Option("--from-raw", help="Begin at data/raw and run every stage after it."),
    ] = False,
    cache_dir: Annotated[
        Path | None,
        typer.Option(help="A DVC cache to take the data from, instead of the remote."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Try even if code or data are known to be different."),
    ] = False,
) -> None:
    """Train a registered model again from its lineage and compare every byte.

    In a folder of its own: clones the repository at the recorded commit, puts the recorded
    params.yaml and dvc.lock there, pulls the training set from DVC's remote (without one, from the
    local cache), trains, and compares the digests of the bundles. Exit code 0: equal; 25: another
    model came out, with what is different, or it cannot be made again. docs/lineage.md explains.
    """
    from churn_mlops.registry import reproduce as action

    run_stage(
        lambda loaded: action.run(
            loaded, version, into=into, from_raw=from_raw, cache=cache_dir, force=force
        ),
        params,
        json,
        name="reproduce",
        exit_code=lambda summary: 0 if summary.facts["equal"] else action.DIFFERENT,
        writes=False,  # it works in a folder of its own
    )


COMMANDS = (rollback, history, reproduce)
