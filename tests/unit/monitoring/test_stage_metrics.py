from __future__ import annotations

from prometheus_client import generate_latest

from churn_mlops.monitoring.stage_metrics import StageRun, stage_board

WELL = StageRun("batch_score", 1000.0, 2.5, 0, True, {"predictions": 7})


def test_a_run_that_worked() -> None:
    value = stage_board(WELL).registry.get_sample_value
    stage = {"stage": "batch_score"}
    assert value("churn_stage_last_success_timestamp_seconds", stage) == 1000
    assert value("churn_stage_last_run_timestamp_seconds", stage) == 1000
    assert value("churn_stage_exit_code", stage) == 0
    assert value("churn_stage_duration_seconds", stage) == 2.5
    assert value("churn_stage_rows", {**stage, "table": "predictions"}) == 7


def test_a_run_that_failed_says_nothing_about_the_last_success() -> None:
    board = stage_board(StageRun("validate_data", 1000.0, 2.5, 13, False))
    text = generate_latest(board.registry).decode()
    assert "last_success" not in text
    assert "churn_stage_rows" not in text
    assert 'churn_stage_exit_code{stage="validate_data"} 13.0' in text


def test_a_code_that_is_no_failure_moves_the_last_success() -> None:
    board = stage_board(StageRun("drift_check", 1000.0, 2.5, 2, True))
    value = board.registry.get_sample_value
    assert value("churn_stage_exit_code", {"stage": "drift_check"}) == 2
    last = value("churn_stage_last_success_timestamp_seconds", {"stage": "drift_check"})
    assert last == 1000
