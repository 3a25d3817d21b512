"""Commands that keep a workspace's state elsewhere, bring it back, and tidy up."""

from __future__ import annotations

from typing import Annotated

import typer

from churn_mlops.commands.run import AsJson, ParamsFile, run_stage

Place = Annotated[
    str, typer.Argument(help="A folder or a bucket, such as s3://my-bucket/churn/state.")
]


def backup(
    url: Place,
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Even over the state of another or a later workspace."),
    ] = False,
) -> None:
    """Copy the state that neither git nor DVC nor MLflow keeps to a folder or a bucket.

    That is the ledger, the champion in artifacts/production/, what monitoring has found, and the
    predictions in data/scored/ that wait for their outcome. Only what is new is sent; earlier
    backups stay. docs/lineage.md tells how a workspace comes back on another machine.
    """
    from churn_mlops.loop import backup as action

    run_stage(lambda loaded: action.backup(loaded, url, force=force), params, json, name="backup")


def restore(
    url: Place,
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    at: Annotated[
        str | None,
        typer.Option(help="Time of the backup, as `churn backup` told it; the latest if left."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are here and different.")
    ] = False,
) -> None:
    """Bring back what `churn backup` has kept, every file verified.

    Nothing is put in place before all of it has arrived; files that are here and different are
    not touched without --force. Then `churn history --verify` checks the ledger.
    """
    from churn_mlops.loop import backup as action

    run_stage(
        lambda loaded: action.restore(loaded, url, at=at, force=force),
        params,
        json,
        name="restore",
    )


def prune_tables(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    keep_days: Annotated[
        int, typer.Option(min=1, help="Younger objects stay, whoever names them.")
    ] = 30,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be removed, and remove nothing.")
    ] = False,
) -> None:
    """Remove from tables.location what no table of this workspace names any more.

    A table in a store becomes another by new objects, so that those of earlier builds, and of runs
    that were killed, are left over. A location belongs to one workspace: what only another one
    names would go, too. Versions that DVC has of a table lose their files with it, so keep as many
    days as you want to be able to go back.
    """
    from churn_mlops.tables import prune

    run_stage(
        lambda loaded: prune.run(loaded, keep_days, dry_run), params, json, name="prune_tables"
    )


COMMANDS = (backup, restore, prune_tables)
