"""`churn job NAME`: what a scheduler runs."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from churn_mlops.commands.monitoring import Verdict, no_verdict
from churn_mlops.commands.run import AsJson, ParamsFile, Projects, read_params
from churn_mlops.loop.job_table import as_text, stage_of
from churn_mlops.loop.terminated import ended_by_sigterm
from churn_mlops.monitoring.told import published

if TYPE_CHECKING:
    from churn_mlops.loop.jobs import Done
    from churn_mlops.params import Params
    from churn_mlops.summary import Summary

HELP = f"""Jobs for a scheduler: cron, a Kubernetes CronJob.

What fails for want of a server (MLflow, the source) or because another process is at work here is
tried again, `jobs.tries` times in all; anything else ends the job at once. Every job publishes how
it went as the stage in the table. 22: still busy after all tries; 143: ended by SIGTERM.
docs/jobs.md explains each. Times of cron are UTC.

\b
{as_text()}
"""

ExitZero = Annotated[
    bool,
    typer.Option(
        "--exit-zero",
        help="Leave with 0 for a verdict, too; errors keep their codes. For schedulers that know"
        " only success and failure.",
    ),
]

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


def _run(
    name: str,
    path: str,
    as_json: bool,
    projects: Sequence[Path] | None,
    work: Callable[[Params], Done],
    *,
    exit_zero: bool = False,
    settled: Callable[[Params], Summary | None] | None = None,
) -> None:
    """Do a job unless it is settled, print and publish how it went, leave with its code."""
    from churn_mlops.loop import jobs, workspace
    from churn_mlops.loop.kept_workspace import kept_workspace

    loaded = read_params(str(workspace.params_file(projects)) if projects else path)

    def all_of_it() -> Done:
        if projects:
            workspace.laid_out(projects, loaded)
        return work(loaded)

    with ended_by_sigterm(), published(stage_of(name), loaded) as outcome:
        known = settled(loaded) if settled is not None else None
        if known is not None:
            ended = jobs.run(name, loaded, lambda: jobs.Done(known))
        else:
            with kept_workspace(loaded):
                ended = jobs.run(name, loaded, all_of_it)
        if ended.done is not None:
            outcome.rows, outcome.exit_code = ended.done.summary.rows, ended.exit_code
        if as_json:
            typer.echo(jsonlib.dumps(ended.as_json(), default=str))
        elif ended.done is not None:
            typer.echo(ended.done.summary.as_text(ended.seconds))
        if ended.error is not None:
            raise ended.error
    if ended.exit_code and not exit_zero:
        raise typer.Exit(ended.exit_code)


def _retrain(
    name: str,
    path: str,
    as_json: bool,
    projects: Sequence[Path] | None,
    *,
    exit_zero: bool,
    schedule: bool = False,
) -> None:
    from churn_mlops.loop import jobs, workspace

    # DVC reads the workspace's own parameters.
    own = workspace.PARAMS if projects else path

    def work(loaded: Params) -> Done:
        return jobs.retrain(loaded, own, schedule=schedule)

    _run(name, path, as_json, projects, work, exit_zero=exit_zero)


@app.command()
def seed_model(
    params: ParamsFile = "params.yaml", json: AsJson = False, project: Projects = None
) -> None:
    """Run the whole pipeline once, so that there is a champion and a first list.

    For a new workspace, as in a container; not on a schedule. Where a champion is in place nothing
    is done, and no other job is waited for. Safe to run again: who was killed goes on where it was.
    Exit codes: 0 done; 15 MLflow does not answer, nothing was begun; 24 a stage failed.
    """
    from churn_mlops.loop import jobs, seed

    _run("seed-model", params, json, project, jobs.seed_model, settled=seed.settled)


@app.command()
def batch_score(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    project: Projects = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day to bring in; the next by default."),
    ] = None,
) -> None:
    """Bring in the new days and write the list of users at risk for each.

    The steps of `churn daily` up to the list; each publishes its own metrics. Safe to run again: a
    day that was broken off is finished. Exit codes: 0 done; 13 a day's data did not pass its
    checks (it has no list, the days after it go on); any other error as `churn daily`.
    """
    from churn_mlops.loop import jobs

    day = as_of.date() if as_of else None
    _run("batch-score", params, json, project, lambda loaded: jobs.batch_score(loaded, day))


@app.command(cls=Verdict)
def drift_check(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    project: Projects = None,
    exit_zero: ExitZero = False,
) -> None:
    """Compare the last day with the champion's reference days, then grade the lists.

    `churn drift-check` followed by `churn performance`. The exit code is the verdict of the check:
    0 OK, 1 error, 2 FAIL, 3 WARN. Lists that cannot be graded do not change it; the metrics of
    the stage performance tell of them. Days before the last that `churn job batch-score` worked in
    since the last check are checked as well, first; they are told (`caught_up`) and do not change
    the verdict.
    """
    from churn_mlops.loop import jobs

    def work(loaded: Params) -> Done:
        with no_verdict():
            return jobs.drift_check(loaded)

    with no_verdict():
        _run("drift-check", params, json, project, work, exit_zero=exit_zero)


@app.command()
def drift_auto_retrain(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    project: Projects = None,
    exit_zero: ExitZero = False,
) -> None:
    """Train anew when drift or performance is a reason, and nothing is to be waited for.

    `churn retrain` without a reason of yours: drift on several days, or performance below its
    floor, is one; whether the new model is better is the gate's to decide. Exit codes: 0 trained,
    or no reason to; 4 there is a reason and training waits, the first lines say for what.
    """
    _retrain("drift-auto-retrain", params, json, project, exit_zero=exit_zero)


@app.command()
def weekly_retrain(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    project: Projects = None,
    exit_zero: ExitZero = False,
) -> None:
    """Train anew when the last training is `monitoring.retrain.every_days` old.

    Drift and performance are reasons, too, as in `churn job drift-auto-retrain`, and the same
    preconditions hold. Run it more often than the schedule if you like; it trains when it is due.
    Exit codes: 0 trained, or no reason to; 4 there is a reason and training waits.
    """
    _retrain("weekly-retrain", params, json, project, exit_zero=exit_zero, schedule=True)


@app.command()
def high_drift_alert(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    project: Projects = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also tell those who have been told.")
    ] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Send a test message to every channel instead.")
    ] = False,
) -> None:
    """Tell people when the latest drift check FAILs, and what becomes of it.

    Also when the data did not pass its checks, and when there is data that no drift check has seen.
    Goes to every channel of `monitoring.alert` (webhook, slack, smtp), to each once per day and
    news; artifacts/monitoring/alerts/DATE.json notes who was told. Exit codes: 0 told, or nothing
    to tell; 10 no channel is configured; 12 the file of a check is damaged (which is told, too);
    23 a channel did not take the message: the next run tells those who were not told.
    """
    from churn_mlops.loop import jobs

    _run(
        "high-drift-alert",
        params,
        json,
        project,
        lambda loaded: jobs.alert(loaded, again=again, test=test),
    )
