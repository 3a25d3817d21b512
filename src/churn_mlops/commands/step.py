"""`churn step NAME`: what the containers of the Kubeflow pipeline run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from churn_mlops.commands.run import AsJson, read_params
from churn_mlops.errors import PromotionError
from churn_mlops.loop.terminated import ended_by_sigterm

if TYPE_CHECKING:
    from churn_mlops.summary import Summary

IMAGE_PROJECT = Path("/opt/project")
HELP = """What the containers of the Kubeflow pipeline run; docs/kubeflow.md explains it.

GIVEN is what Kubeflow puts in the place of {{$}}: parameters, and where artifacts lie.
"""

Told = Annotated[str, typer.Argument(help="What Kubeflow puts in the place of {{$}}.")]
Project = Annotated[
    list[Path],
    typer.Option("--project", help="Where the project lies; several: the later win."),
]

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


def _print(summary: Summary, started: float, as_json: bool) -> None:
    seconds = time.perf_counter() - started
    typer.echo(summary.as_json(seconds) if as_json else summary.as_text(seconds))


@app.command("run")
def run_stage(
    stage: Annotated[str, typer.Argument(help="A stage of dvc.yaml.")],
    given: Told,
    project: Project = [IMAGE_PROJECT],  # noqa: B006 (typer copies it)
    json: AsJson = False,
) -> None:
    """Run a stage in a workspace of its own, with artifacts for files.

    The input artifacts are put where dvc.yaml names them, the stage's own command runs, and its
    outputs go to the output artifacts, all or none. Exit codes: those of the stage's command; 10
    a parameter is wrong or the pipeline was compiled from another project; 11 an input artifact
    is missing. That the gate refuses the first model is a decision, no error: nothing is scored.
    """
    from churn_mlops.kubeflow import step
    from churn_mlops.kubeflow.given import read_given

    started = time.perf_counter()
    with ended_by_sigterm():
        ended = step.run(stage, read_given(given), project)
    if ended.exit_code:
        raise typer.Exit(ended.exit_code)
    _print(ended.summary, started, json)


@app.command()
def no_champion(given: Told, json: AsJson = False) -> None:
    """Fail, as there is no model to score with, and say why the gate refused the first one.

    Reads the metrics of the stage promote_model. Exit code: 19.
    """
    from churn_mlops.files import read_json
    from churn_mlops.kubeflow.given import local_path, read_given

    path = local_path(read_given(given).inputs["metrics_promotion"])
    reason = read_json(path, lambda body: str(body["reason"]), "run the pipeline again")
    raise PromotionError(
        f"there is no champion, and the first model did not become one: {reason}; nothing was"
        " scored",
        fix="bring more or other data, or loosen `promotion` (mode: enabled makes the first one)",
    )


@app.command()
def tell(given: Told, project: Project = [IMAGE_PROJECT], json: AsJson = False) -> None:  # noqa: B006
    """Tell people how the run of the pipeline ended, whether well or not.

    Goes to every channel of `monitoring.alert`. Exit codes: 0 told; 10 no channel is configured;
    23 a channel did not take the message.
    """
    from churn_mlops.kubeflow import final_status
    from churn_mlops.kubeflow.given import read_given
    from churn_mlops.loop.workspace import params_file

    started = time.perf_counter()
    params = read_params(str(params_file(project)))
    _print(final_status.run(read_given(given).parameters, params), started, json)
