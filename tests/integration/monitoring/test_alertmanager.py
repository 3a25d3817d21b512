"""A real Alertmanager: causes silence their consequences, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.mlflow_server import free_port
from tests.monitoring_servers import alertmanager, until, webhook

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("alertmanager") / "here"
    with webhook() as hook, alertmanager(folder, free_port(), {9095: hook.port}) as address:
        yield address


def silenced(url: str, alerts: list[dict[str, str]]) -> dict[str, bool]:
    """Send alerts, wait until Alertmanager has judged all of them; whether each is inhibited."""
    group = str(free_port())
    labels = [{"severity": "ticket", "case": group, **alert} for alert in alerts]
    body = [{"labels": each} for each in labels]
    httpx.post(f"{url}/api/v2/alerts", json=body, timeout=30).raise_for_status()

    def judged() -> list[dict[str, object]]:
        params = {"filter": f'case="{group}"'}
        found = httpx.get(f"{url}/api/v2/alerts", params=params, timeout=30).json()
        done = [one for one in found if one["status"]["state"] != "unprocessed"]
        return done if len(done) == len(alerts) else []

    found = until(judged, "all alerts are judged")
    # Other cases must not see them.
    ended = [{"labels": each, "endsAt": "2020-01-01T00:00:00Z"} for each in labels]
    states = {one["labels"]["alertname"]: one["status"]["state"] == "suppressed" for one in found}
    httpx.post(f"{url}/api/v2/alerts", json=ended, timeout=30).raise_for_status()
    return states


@pytest.mark.parametrize(
    ("cause", "consequence"),
    [
        ("ChurnApiDown", "ChurnApiLatencyFast"),
        ("ChurnApiDown", "ChurnApiNoModel"),
        ("ChurnApiNoModel", "ChurnApiErrorsFast"),
        ("ChurnApiErrorsFast", "ChurnApiErrorsSlow"),
        ("ChurnDataStale", "ChurnBatchStale"),
        ("ChurnValidationFailed", "ChurnDataStale"),
        ("ChurnDriftFailed", "ChurnScoresMoved"),
        ("ChurnDriftFailed", "ChurnDriftLasting"),
        ("ChurnDriftCheckStale", "ChurnDriftLasting"),
        ("ChurnFeedBroken", "ChurnDriftFailed"),
        ("ChurnFeedBroken", "ChurnScoresMoved"),
    ],
)
def test_a_cause_silences_its_consequence(url: str, cause: str, consequence: str) -> None:
    found = silenced(url, [{"alertname": cause}, {"alertname": consequence}])
    assert found == {cause: False, consequence: True}


def test_a_consequence_alone_is_told(url: str) -> None:
    names = ["ChurnApiLatencyFast", "ChurnBatchStale", "ChurnScoresMoved", "ChurnMetricsAbsent"]
    names += ["ChurnDriftLasting", "ChurnEstimateBelowFloor"]
    assert not any(silenced(url, [{"alertname": name} for name in names]).values())


@pytest.mark.parametrize(("job", "is_silenced"), [("pushgateway", True), ("mlflow", False)])
def test_only_the_lost_gateway_explains_lost_metrics(url: str, job: str, is_silenced: bool) -> None:
    alerts = [
        {"alertname": "ChurnScrapeFailing", "job": job},
        {"alertname": "ChurnMetricsAbsent", "missing": "champion"},
    ]
    assert silenced(url, alerts)["ChurnMetricsAbsent"] is is_silenced


@pytest.mark.parametrize(("metric", "is_silenced"), [("pr_auc", True), ("roc_auc", False)])
def test_an_estimate_is_explained_by_the_same_metric(
    url: str, metric: str, is_silenced: bool
) -> None:
    alerts = [
        {"alertname": "ChurnRealisedBelowFloor", "metric": "pr_auc"},
        {"alertname": "ChurnEstimateBelowFloor", "metric": metric},
    ]
    assert silenced(url, alerts)["ChurnEstimateBelowFloor"] is is_silenced


@pytest.mark.parametrize(
    ("cause", "job", "consequence", "stage", "is_silenced"),
    [
        ("ChurnValidationFailed", "", "ChurnStageFailed", "job_batch_score", True),
        ("ChurnValidationFailed", "", "ChurnStageFailed", "build_features", False),
        ("ChurnDataStale", "", "ChurnJobStale", "job_batch_score", True),
        ("ChurnDataStale", "", "ChurnJobStale", "job_high_drift_alert", False),
        ("ChurnJobStale", "job_batch_score", "ChurnBatchStale", "", True),
        ("ChurnJobStale", "job_drift_check", "ChurnDriftCheckStale", "", True),
        ("ChurnJobStale", "job_weekly_retrain", "ChurnBatchStale", "", False),
    ],
)
def test_a_job_that_stands_still_explains_what_it_makes(
    url: str, cause: str, job: str, consequence: str, stage: str, is_silenced: bool
) -> None:
    first, second = {"alertname": cause}, {"alertname": consequence}
    first |= {"stage": job} if job else {}
    second |= {"stage": stage} if stage else {}
    assert silenced(url, [first, second])[consequence] is is_silenced
