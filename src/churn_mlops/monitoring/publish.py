"""Batch jobs leave their metrics where Prometheus finds them: a Pushgateway, a folder, or both.

A Pushgateway keeps, per group, what was pushed last. Each command has a group of its own
(``job="churn_stage"``), which a failed run adds to, so that the last success stays; the state of
data, model and list is one group (``job="churn_state"``), replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from churn_mlops.errors import ChurnError, PublishError
from churn_mlops.monitoring import textfile
from churn_mlops.monitoring.gauges import LAST_SUCCESS, ROWS
from churn_mlops.monitoring.pushgateway import Push, push
from churn_mlops.monitoring.stage_metrics import StageRun, stage_board
from churn_mlops.monitoring.state_metrics import state_board
from churn_mlops.monitoring.wire import without_secrets
from churn_mlops.params import Params

STAGE_JOB, STATE_JOB = "churn_stage", "churn_state"
STATE_FILE = "churn_state.prom"

log = structlog.get_logger()


@dataclass(frozen=True)
class Published:
    """How many values went where."""

    series: int
    pushgateway: str | None
    files: tuple[Path, ...]


def stage_file(stage: str) -> str:
    """Name of the file with the metrics of a command's runs."""
    return f"churn_stage_{stage}.prom"


def publish_stage(params: Params, run: StageRun) -> None:
    """Publish a run and the state that it left; what goes wrong is one warning.

    Metrics must not fail a stage that did its work, nor hide why another one failed.
    """
    try:
        problems = _publish_stage(params, run)
    except Exception as error:  # whatever it is, the stage's own result counts
        problems = [f"{type(error).__name__}: {error}"]
    if problems:
        log.warning(
            "metrics were not published, or not all of them",
            stage=run.stage,
            problems="; ".join(problems),
        )


def _publish_stage(params: Params, run: StageRun) -> list[str]:
    state = state_board(params)
    pushes = [
        Push(stage_board(run), STAGE_JOB, {"stage": run.stage}),
        Push(state, STATE_JOB, replace=True),
    ]

    def write(folder: Path) -> tuple[Path, ...]:
        board, name = stage_board(run), stage_file(run.stage)
        if not run.worked:
            textfile.carry_over(folder / name, board, (LAST_SUCCESS, ROWS))
            state.problems.extend(board.problems)
        return textfile.write(folder, name, board), textfile.write(folder, STATE_FILE, state)

    _, problems = _deliver(params, pushes, write)
    return [_in_one_line(error) for error in problems] + state.problems


def publish_state(params: Params) -> Published:
    """Publish the state.

    Raises
    ------
    PublishError
        There is nowhere to publish to, a delivery failed, or a file is damaged. What can be
        published has been.
    """
    board = state_board(params)
    settings = params.monitoring.publish
    if settings.pushgateway is None and settings.textfile is None:
        raise PublishError(
            "there is nowhere to publish metrics to",
            fix="set monitoring.publish.pushgateway (such as http://127.0.0.1:9091) or"
            " monitoring.publish.textfile (a folder) in params.yaml",
        )
    files, problems = _deliver(
        params,
        [Push(board, STATE_JOB, replace=True)],
        lambda folder: (textfile.write(folder, STATE_FILE, board),),
    )
    if problems or board.problems:
        messages = [*(error.message for error in problems), *board.problems]
        fixes = [error.fix for error in problems if error.fix]
        raise PublishError(
            "\n  ".join(messages),
            fix="; ".join(fixes) or "write what is damaged anew; the other metrics were published",
        )
    gateway = settings.pushgateway and without_secrets(settings.pushgateway)
    return Published(board.series, gateway, files)


def _in_one_line(error: ChurnError) -> str:
    return f"{error.message} ({error.fix})" if error.fix else error.message


def _deliver(
    params: Params, pushes: list[Push], write: Callable[[Path], tuple[Path, ...]]
) -> tuple[tuple[Path, ...], list[ChurnError]]:
    """Push and write, as configured; the files, and what went wrong."""
    settings = params.monitoring.publish
    problems: list[ChurnError] = []
    files: tuple[Path, ...] = ()
    if settings.textfile is not None:
        try:
            files = write(Path(settings.textfile))
        except PublishError as error:
            problems.append(error)
    if settings.pushgateway is not None:
        try:
            push(settings.pushgateway, pushes, settings.timeout_seconds)
        except PublishError as error:
            problems.append(error)
    return files, problems
