"""A real Pushgateway: a failed run keeps the last success, the state is replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from churn_mlops.monitoring.publish import publish_stage, publish_state
from churn_mlops.monitoring.stage_metrics import StageRun
from tests.monitored import path_of, write_all, write_file
from tests.monitoring_servers import pushgateway
from tests.trained import params_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pushgateway(tmp_path_factory.mktemp("pushgateway")) as address:
        yield address


def values(url: str, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    text = httpx.get(f"{url}/metrics").text
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_a_failed_run_keeps_the_last_success(url: str, tmp_path: Path) -> None:
    params = params_in(tmp_path, monitoring={"publish": {"pushgateway": url}})
    with structlog.testing.capture_logs() as lines:
        publish_stage(params, StageRun("batch_score", 1000.0, 1.0, 0, True, {"predictions": 7}))
        publish_stage(params, StageRun("batch_score", 2000.0, 1.0, 16, False))
    assert lines == []
    group = (("instance", ""), ("job", "churn_stage"), ("stage", "batch_score"))
    assert values(url, "churn_stage_last_success_timestamp_seconds") == {group: 1000}
    assert values(url, "churn_stage_last_run_timestamp_seconds") == {group: 2000}
    assert values(url, "churn_stage_exit_code") == {group: 16}
    assert list(values(url, "churn_stage_rows").values()) == [7]


def test_the_state_is_replaced_and_odd_labels_survive(url: str, tmp_path: Path) -> None:
    params = params_in(tmp_path, monitoring={"publish": {"pushgateway": url}})
    write_all(params)
    odd = 'a "b"\n\\ü漢🙂'
    write_file(params, "drift", {"columns": [{"column": odd, "psi": 0.3}]})
    publish_state(params)
    (labels,) = values(url, "churn_drift_psi")
    assert dict(labels)["column"] == odd
    path_of(params, "drift").unlink()
    publish_state(params)
    assert values(url, "churn_drift_psi") == {}
    assert values(url, "churn_batch_users") != {}
