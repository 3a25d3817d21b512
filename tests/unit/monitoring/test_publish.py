"""Publishing: both targets, one warning, never a failed stage; by hand every fault is an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from churn_mlops.errors import PublishError
from churn_mlops.monitoring import publish
from churn_mlops.monitoring.stage_metrics import StageRun
from churn_mlops.params import Params
from tests.mlflow_server import free_port
from tests.monitored import path_of, write_all
from tests.unit.monitoring.conftest import Gateway

Make = Callable[..., Params]
WELL = StageRun("batch_score", 1000.0, 2.5, 0, True, {"predictions": 7})
BADLY = StageRun("batch_score", 2000.0, 1.5, 16, False)


def warnings_of(params: Params, run: StageRun = WELL) -> list[str]:
    with structlog.testing.capture_logs() as lines:
        publish.publish_stage(params, run)
    assert {line["log_level"] for line in lines} <= {"warning"}
    assert len(lines) <= 1
    return [line["problems"] for line in lines]


def test_stage_and_state_go_to_the_gateway(gateway: Gateway, made: Make) -> None:
    params = made(pushgateway=gateway.url)
    write_all(params)
    assert warnings_of(params) == []
    (_, stage, runs), (_, state, facts) = gateway.requests
    assert stage == "/metrics/job/churn_stage/stage/batch_score"
    assert 'churn_stage_last_success_timestamp_seconds{stage="batch_score"} 1000.0' in runs
    assert state == "/metrics/job/churn_state"
    assert "churn_drift_status 1.0" in facts


def test_a_failed_run_keeps_the_last_success_in_the_file(tmp_path: Path, made: Make) -> None:
    params = made(textfile=str(tmp_path))
    assert warnings_of(params) == warnings_of(params, BADLY) == []
    text = (tmp_path / publish.stage_file("batch_score")).read_text()
    assert 'churn_stage_last_success_timestamp_seconds{stage="batch_score"} 1000.0' in text
    assert 'churn_stage_last_run_timestamp_seconds{stage="batch_score"} 2000.0' in text
    assert 'churn_stage_exit_code{stage="batch_score"} 16.0' in text
    assert 'churn_stage_rows{stage="batch_score",table="predictions"} 7.0' in text


def test_a_failed_run_without_one_before(tmp_path: Path, made: Make) -> None:
    assert warnings_of(made(textfile=str(tmp_path)), BADLY) == []
    assert "last_success" not in (tmp_path / publish.stage_file("batch_score")).read_text()


def test_one_target_that_fails_does_not_stop_the_other(
    tmp_path: Path, gateway: Gateway, made: Make
) -> None:
    (problem,) = warnings_of(made(pushgateway=gateway.url, textfile=str(tmp_path / "none")))
    assert "there is no folder" in problem
    assert len(gateway.requests) == 2
    url = f"http://127.0.0.1:{free_port()}"
    (problem,) = warnings_of(made(pushgateway=url, textfile=str(tmp_path)))
    assert "did not take the metrics" in problem
    assert (tmp_path / publish.STATE_FILE).exists()


def test_everything_that_is_wrong_is_in_one_warning(made: Make) -> None:
    params = made(pushgateway=f"http://127.0.0.1:{free_port()}", textfile="/none")
    write_all(params)
    path_of(params, "drift").write_text("{")
    (problem,) = warnings_of(params)
    for words in ("there is no folder /none", "did not take the metrics", "is damaged"):
        assert words in problem


def test_a_fault_of_ours_fails_no_stage(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(params: Params) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(publish, "state_board", fault)
    assert warnings_of(made(pushgateway="http://x")) == ["ZeroDivisionError: ours"]


def test_by_hand_it_says_what_went_where(tmp_path: Path, gateway: Gateway, made: Make) -> None:
    url = gateway.url.replace("http://", "http://user:secret@")
    params = made(pushgateway=url, textfile=str(tmp_path))
    write_all(params)
    done = publish.publish_state(params)
    assert done.pushgateway == gateway.url
    assert done.files == (tmp_path / publish.STATE_FILE,)
    assert done.series > 40
    assert [path for _, path, _ in gateway.requests] == ["/metrics/job/churn_state"]


def test_by_hand_without_a_target(made: Make) -> None:
    with pytest.raises(PublishError, match="nowhere to publish") as raised:
        publish.publish_state(made())
    assert "monitoring.publish.pushgateway" in str(raised.value)
    assert "monitoring.publish.textfile" in str(raised.value)


def test_by_hand_a_failed_delivery_is_an_error(gateway: Gateway, made: Make) -> None:
    gateway.status = 503
    with pytest.raises(PublishError, match="it answers 503"):
        publish.publish_state(made(pushgateway=gateway.url))


def test_by_hand_a_damaged_file_is_an_error_after_the_rest_is_out(
    gateway: Gateway, made: Make
) -> None:
    params = made(pushgateway=gateway.url)
    write_all(params)
    path_of(params, "performance").write_text("")
    with pytest.raises(PublishError, match=r"performance_latest\.json is damaged"):
        publish.publish_state(params)
    assert "churn_drift_status" in gateway.requests[0][2]
