"""The pipeline's stages, one command each; `dvc.yaml` calls exactly these."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from churn_mlops.commands.run import AsJson, ParamsFile, run_stage


def generate_data(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    anew: Annotated[
        bool,
        typer.Option("--anew", help="Read all of it once more, also when days were ingested."),
    ] = False,
) -> None:
    """Bring the event log in: generate it, or read it from files or a database.

    Writes data/raw/ from the source that `data.source` names. Once days have been added by
    `churn ingest`, raw tables of the same source stay as they are.
    """
    from churn_mlops.data import generate_data as stage

    run_stage(lambda loaded: stage.run(loaded, anew=anew), params, json, name="generate_data")


def validate_data(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Check the raw tables; bad rows go to quarantine, too many of them close the gate.

    Writes data/validation/report.json and quarantine_*; docs/checks.md explains every check.
    """
    from churn_mlops.data import validate as stage

    run_stage(stage.run, params, json, name="validate_data")


def prepare_data(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Clean the raw tables and build the daily grid: one row per user and day.

    Writes users_clean, events_clean and user_daily to data/processed/.
    """
    from churn_mlops.data import prepare_dataset as stage

    run_stage(stage.run, params, json, name="prepare_data")


def build_features(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Compute what each day may know about each user.

    Writes data/features/user_features_daily; docs/features.md explains every column.
    """
    from churn_mlops.features import build_features as stage

    run_stage(stage.run, params, json, name="build_features")


def build_labels(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Label every mature day: 1 when no day of the horizon is active.

    Writes data/processed/labels_daily.
    """
    from churn_mlops.training import build_labels as stage

    run_stage(stage.run, params, json, name="build_labels")


def build_training_set(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Join features and labels on mature and eligible rows.

    Writes data/features/training_dataset.
    """
    from churn_mlops.training import build_training_set as stage

    run_stage(stage.run, params, json, name="build_training_set")


def train_baseline(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Train the logistic regression, evaluate it on later days, log it to MLflow.

    Writes the bundle artifacts/models/baseline/, metrics and plots.
    """
    from churn_mlops.training import train_baseline as stage

    run_stage(stage.run, params, json, name="train_baseline")


def train_candidate(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Train the boosted trees, evaluate them on later days, log them to MLflow.

    Writes the bundle artifacts/models/candidate/, metrics and plots.
    """
    from churn_mlops.training import train_candidate as stage

    run_stage(stage.run, params, json, name="train_candidate")


def promote(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Decide and record, but change nothing.")
    ] = False,
    new_contract: Annotated[
        bool,
        typer.Option(
            "--new-contract",
            help="Features or the meaning of churn were changed on purpose: weigh the challenger"
            " against the simple rule, like the first model ever.",
        ),
    ] = False,
) -> None:
    """Weigh the best trained model against the champion; promote it when every rule holds.

    The stage promote_model. Writes artifacts/production/ and artifacts/metrics/promotion.json,
    moves the aliases in MLflow, and adds a line to artifacts/ledger.jsonl. The rules are
    `promotion` in params.yaml; docs/promotion.md explains them.
    """
    from churn_mlops.registry import promote_model as stage

    run_stage(
        lambda loaded: stage.run(
            loaded, dry_run=dry_run, new_contract=new_contract, params_file=Path(params)
        ),
        params,
        json,
        name="promote_model",
    )


def batch_score(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    as_of_date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Day to score; the last day by default."),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(min=1, help="Length of the contact list; scoring.top_k by default."),
    ] = None,
) -> None:
    """Rank the users of a day by their risk of leaving.

    Writes churn_predictions_DATE, churn_top_K_DATE and batch_predictions_latest to
    data/predictions/, the last also as .sqlite for looking users up. Keeps the risks in
    data/scored/ until `churn performance` can grade them.

    Looking back with --as-of-date leaves batch_predictions_latest as it is (it follows the last day
    of the data, or scoring.as_of_date) and what was kept of that day as it was predicted then.
    """
    from churn_mlops.inference import batch_score as stage

    day = as_of_date.date() if as_of_date else None
    run_stage(
        lambda loaded: stage.run(loaded, as_of_date=day, top_k=top_k),
        params,
        json,
        name="batch_score",
    )


STAGES = (
    generate_data,
    validate_data,
    prepare_data,
    build_features,
    build_labels,
    build_training_set,
    train_baseline,
    train_candidate,
    promote,
    batch_score,
)
