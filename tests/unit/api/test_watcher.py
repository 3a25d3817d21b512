from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from churn_mlops.api.metrics import Metrics
from churn_mlops.api.served import Served
from churn_mlops.api.watcher import Watcher
from tests.trained import bundle


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def info(registry: CollectorRegistry, served: Served) -> float | None:
    labels = {
        "model_version": served.version,
        "registry_version": str(served.number or ""),
        "family": served.bundle.meta.family,
    }
    return registry.get_sample_value("churn_api_model_info", labels)


def test_one_model_is_shown_as_the_one_that_answers(registry: CollectorRegistry) -> None:
    first, second = Served(bundle("candidate"), 3, 10), Served(bundle("baseline"), None, 10)
    watcher = Watcher(Metrics(registry))
    with capture_logs() as logs:
        watcher.swapped(None, first, 0.1)
        watcher.swapped(first, second, 0.2)
    assert (info(registry, first), info(registry, second)) == (0, 1)
    assert registry.get_sample_value("churn_api_model_swaps_total") == 1
    assert registry.get_sample_value("churn_api_model_load_duration_seconds_count") == 2
    assert [line["event"] for line in logs] == ["a model serves", "another model serves"]
    assert logs[1]["previous"] == first.version


def test_the_log_tells_news_and_no_repetitions(registry: CollectorRegistry) -> None:
    watcher = Watcher(Metrics(registry))
    logs: list[Any]
    with capture_logs() as logs:
        for up in (True, True, False, False, True):
            watcher.source(up, "gone")
    assert [line["event"] for line in logs] == [
        "the source of models is away",
        "the source of models is back",
    ]
    assert registry.get_sample_value("churn_api_model_source_up") == 1


def test_a_refusal_is_counted_by_its_reason(registry: CollectorRegistry) -> None:
    watcher = Watcher(Metrics(registry))
    with capture_logs() as logs:
        watcher.refused("abc", "damaged", "model.onnx is torn", 5.0)
        watcher.stale(True)
    counted = registry.get_sample_value("churn_api_model_refusals_total", {"reason": "damaged"})
    assert counted == 1
    assert registry.get_sample_value("churn_api_model_stale") == 1
    assert (logs[0]["log_level"], logs[0]["kind"]) == ("error", "damaged")
