from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from churn_mlops.api.metrics import RISK_BUCKETS, Metrics, PerFeature

risks = st.one_of(st.floats(0, 1), st.sampled_from(RISK_BUCKETS), st.just(0.0))


def risk_lines(metrics: Metrics, registry: CollectorRegistry) -> list[str]:
    text = generate_latest(registry).decode()
    return [
        line
        for line in text.splitlines()
        if line.startswith("churn_api_churn_risk_") and "_created" not in line
    ]


@given(st.lists(risks, min_size=1, max_size=50))
def test_many_risks_at_once_count_as_one_by_one(values: list[float]) -> None:
    values = [round(value, 6) for value in values]
    at_once, single = CollectorRegistry(), CollectorRegistry()
    first, second = Metrics(at_once), Metrics(single)
    first.observe_risks(values)
    for value in values:
        second.risk.observe(value)
    *buckets, _, total = risk_lines(first, at_once)
    *expected, _, expected_total = risk_lines(second, single)
    assert buckets[:-1] == expected[:-1]
    assert abs(float(total.split()[1]) - float(expected_total.split()[1])) < 1e-9


def test_features_are_counted_by_name() -> None:
    registry = CollectorRegistry()
    counter = PerFeature("odd", "Odd values.", registry)
    counter.count_all({0: ["a", "b"], 7: ["a"]})
    counter.count("a", 5)
    assert registry.get_sample_value("odd_total", {"feature": "a"}) == 7
    assert registry.get_sample_value("odd_total", {"feature": "b"}) == 1


def test_requests_are_counted_by_what_they_were() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for status in (200, 200, 422):
        metrics.answered("POST", "/predict", status, 0.002)
    metrics.scored("abc", 3)
    metrics.scored("abc", 4)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    ok = {"method": "POST", "route": "/predict", "status": "200"}
    assert value("churn_api_requests_total", **ok) == 2
    assert value("churn_api_request_duration_seconds_count", route="/predict") == 3
    assert value("churn_api_predictions_total", model_version="abc") == 7
