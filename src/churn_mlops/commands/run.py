"""Runs one function of a stage and reports: progress and log on stderr, results on stdout."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from churn_mlops.errors import ChurnError
from churn_mlops.monitoring.told import published

if TYPE_CHECKING:
    from churn_mlops.params import Params
    from churn_mlops.summary import Summary

ParamsFile = Annotated[str, typer.Option("--params", help="The YAML file with all parameters.")]
Projects = Annotated[
    list[Path] | None,
    typer.Option(
        "--project",
        help="Lay this folder's code, pipeline and parameters out here first, as containers do;"
        " several: the later win.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def read_params(path: str) -> Params:
    """Load the parameters, fix thread counts and set up the log."""
    from churn_mlops import params

    _configure_log()
    loaded = params.load(path)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, str(loaded.duckdb.threads))
    # On a machine that others use too, or under a CPU quota, threads that spin while they wait for
    # each other make a training ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return loaded


def run_stage(
    stage: Callable[[Params], Summary],
    path: str,
    as_json: bool,
    *,
    name: str,
    exit_code: Callable[[Summary], int] = lambda _: 0,
    writes: bool = True,
) -> Summary:
    """Run a stage, print its summary and publish how it went.

    Parameters
    ----------
    stage : callable
    path : str
        Of the parameters.
    as_json : bool
    name : str
        Of the stage, as in its summary; its metrics carry it also when there is no summary.
    exit_code : callable, optional
        The code of a stage that has done its work and has something to say with it.
    writes : bool
        Whether it changes the workspace: then it holds the workspace's lock.

    Returns
    -------
    Summary

    Raises
    ------
    WorkspaceBusyError
        It writes, and another process is at work here.
    """
    loaded = read_params(path)
    with published(name, loaded) as outcome:
        started = time.perf_counter()
        with _locked(name, loaded) if writes else nullcontext():
            summary = stage(loaded)
        seconds = time.perf_counter() - started
        outcome.rows, outcome.exit_code = summary.rows, exit_code(summary)
        typer.echo(summary.as_json(seconds) if as_json else summary.as_text(seconds))
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)
    return summary


def _locked(name: str, params: Params) -> AbstractContextManager[None]:
    # Here, as only what has read its parameters needs it.
    from churn_mlops.loop.lock import workspace_lock

    command = {"promote_model": "promote"}.get(name, name)
    return workspace_lock(params, f"churn {command.replace('_', '-')}")


def fail(error: ChurnError) -> NoReturn:
    """Print an error for people on stderr and leave with its exit code."""
    typer.secho(f"error: {error}", err=True, fg=typer.colors.RED if sys.stderr.isatty() else None)
    raise SystemExit(error.exit_code)


def _configure_log() -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
