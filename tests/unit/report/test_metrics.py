from __future__ import annotations

from churn_mlops.report.metrics import BY_KEY, METRICS, metric


def test_every_metric_is_there_once_and_says_what_it_means() -> None:
    assert len(BY_KEY) == len(METRICS)
    assert all(m.meaning and m.better in ("higher", "lower") for m in METRICS)


def test_an_unknown_metric_is_shown_plainly() -> None:
    assert metric("new").show(0.5) == "0.500"
    assert metric("new").name == "new"
