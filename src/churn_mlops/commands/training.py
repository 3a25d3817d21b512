"""Commands around training: looking for better parameters, testing at earlier dates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churn_mlops.commands.run import AsJson, ParamsFile, run_stage


def tune(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    minutes: Annotated[
        float, typer.Option(min=0.01, help="No trial starts after so many minutes.")
    ] = 10.0,
    trials: Annotated[int, typer.Option(min=1, help="At most so many new trials.")] = 100,
) -> None:
    """Look for better parameters of the boosted trees and write them into the parameter file.

    Judged on the validation days, inside the training days; the test days are not looked at.
    An interrupted search goes on where it was (artifacts/tuning/study.db). All trials are in
    MLflow, below one run.
    """
    from churn_mlops.training import tune as action

    run_stage(
        lambda loaded: action.run(loaded, Path(params), minutes, trials), params, json, name="tune"
    )


def backtest(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    cutoffs: Annotated[
        int | None,
        typer.Option(min=1, help="How many; evaluation.backtest_cutoffs by default."),
    ] = None,
) -> None:
    """Train and test as if at several earlier dates: is the quality stable over time?

    Writes artifacts/metrics/backtest.json and artifacts/plots/backtest.csv; `churn report` draws
    them.
    """
    from churn_mlops.training import backtest as action

    run_stage(lambda loaded: action.run(loaded, cutoffs), params, json, name="backtest")


COMMANDS = (tune, backtest)
