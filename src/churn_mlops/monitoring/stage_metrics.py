"""What is published about one run of a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from churn_mlops.monitoring.gauges import LAST_SUCCESS, ROWS, STAGE, Board


@dataclass(frozen=True)
class StageRun:
    """How a run of a command ended.

    `worked` is whether it did its work: a drift check that finds drift did, though its exit code
    is not 0. `ended` is in seconds since 1970.
    """

    stage: str
    ended: float
    seconds: float
    exit_code: int
    worked: bool
    rows: Mapping[str, int] = field(default_factory=dict)


def stage_board(run: StageRun) -> Board:
    """The metrics of a run; without the last success and the rows when it did not work."""
    board = Board(STAGE)
    if run.worked:
        board.set(LAST_SUCCESS, run.ended, stage=run.stage)
        for table, count in run.rows.items():
            board.set(ROWS, count, stage=run.stage, table=table)
    board.set("churn_stage_last_run_timestamp_seconds", run.ended, stage=run.stage)
    board.set("churn_stage_exit_code", run.exit_code, stage=run.stage)
    board.set("churn_stage_duration_seconds", run.seconds, stage=run.stage)
    return board
