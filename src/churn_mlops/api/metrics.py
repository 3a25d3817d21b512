"""What the API counts and measures, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
RISK_BUCKETS = tuple(n / 20 for n in range(1, 21))
GAP_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class Metrics:
    """The metrics of one process.

    Parameters
    ----------
    registry : CollectorRegistry
    """

    def __init__(self, registry: Any) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        given: dict[str, Any] = {"registry": registry}
        self.requests = Counter(
            "churn_api_requests",
            "Requests answered, by route template.",
            ["method", "route", "status"],
            **given,
        )
        self.seconds = Histogram(
            "churn_api_request_duration_seconds",
            "From a request's first byte to the end of its answer.",
            ["route"],
            buckets=LATENCY_BUCKETS,
            **given,
        )
        self.in_flight = Gauge(
            "churn_api_in_flight_requests",
            "Requests under way.",
            multiprocess_mode="livesum",
            **given,
        )
        self.predictions = Counter(
            "churn_api_predictions", "Users scored.", ["model_version"], **given
        )
        self.risk = Histogram("churn_api_churn_risk", "Risks given.", buckets=RISK_BUCKETS, **given)
        self.imputed = PerFeature(
            "churn_api_imputed_features",
            "Values that were not given; the default stood in.",
            registry,
        )
        self.out_of_range = PerFeature(
            "churn_api_out_of_range_features",
            "Numbers outside the possible range or all that training has seen.",
            registry,
        )
        self.unseen = PerFeature(
            "churn_api_unseen_categories", "Categories that training has not seen.", registry
        )
        self.model_info = Gauge(
            "churn_api_model_info",
            "1 for the model that answers; one series per model that ever did.",
            ["model_version", "registry_version", "family"],
            multiprocess_mode="livemax",
            **given,
        )
        self.model_loaded = Gauge(
            "churn_api_model_loaded_timestamp_seconds",
            "When the model that answers took over.",
            multiprocess_mode="livemin",
            **given,
        )
        self.swaps = Counter("churn_api_model_swaps", "Changes of the model.", **given)
        self.swap_seconds = Histogram(
            "churn_api_model_load_duration_seconds",
            "From the news of a champion until it answers.",
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            **given,
        )
        self.refusals = Counter(
            "churn_api_model_refusals", "Champions that were not let in.", ["reason"], **given
        )
        self.source_up = Gauge(
            "churn_api_model_source_up",
            "Whether the registry (or the folder) answered when asked last.",
            multiprocess_mode="livemin",
            **given,
        )
        self.stale = Gauge(
            "churn_api_model_stale",
            "1 while the last good model serves because the champion cannot be had.",
            multiprocess_mode="livemax",
            **given,
        )
        self.turned_away = Counter(
            "churn_api_turned_away",
            "Requests refused before they were read: busy, rate_limit, unauthorized.",
            ["reason"],
            **given,
        )
        self.log_drops = Counter(
            "churn_api_prediction_log_dropped",
            "Sampled predictions that were not logged.",
            ["reason"],
            **given,
        )
        self.shadow_risk = Histogram(
            "churn_api_shadow_risk", "Risks by the challenger.", buckets=RISK_BUCKETS, **given
        )
        self.shadow_gap = Histogram(
            "churn_api_shadow_gap",
            "Absolute difference between champion and challenger.",
            buckets=GAP_BUCKETS,
            **given,
        )
        self.shadow_drops = Counter(
            "churn_api_shadow_dropped", "Sampled requests that the challenger missed.", **given
        )
        self._scored: dict[str, Any] = {}
        self._answers: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is a template, so that paths cannot make new series."""
        key = (method, route, status)
        both = self._answers.get(key)
        if both is None:
            both = (self.requests.labels(method, route, status), self.seconds.labels(route))
            self._answers[key] = both
        both[0].inc()
        both[1].observe(seconds)

    def scored(self, model_version: str, count: int) -> None:
        """Count users that a model has scored."""
        counter = self._scored.get(model_version)
        if counter is None:
            counter = self._scored[model_version] = self.predictions.labels(model_version)
        counter.inc(count)

    def observe_risks(self, risks: Sequence[float]) -> None:
        """Note the risks of a batch, all at once.

        One by one takes longer than scoring them, and prometheus-client has no public way to note
        many; a test compares this with its `observe`.
        """
        places = np.searchsorted(RISK_BUCKETS, risks)
        for place, count in enumerate(np.bincount(places).tolist()):
            if count:
                self.risk._buckets[place].inc(count)
        self.risk._sum.inc(sum(risks))


class PerFeature:
    """A counter by feature that remembers its children: looking one up costs more than counting.

    Parameters
    ----------
    name, about : str
    registry : CollectorRegistry
    """

    def __init__(self, name: str, about: str, registry: Any) -> None:
        from prometheus_client import Counter

        self._counter = Counter(name, about, ["feature"], registry=registry)
        self._children: dict[str, Any] = {}

    def count(self, feature: str, times: int = 1) -> None:
        """Count some values of a feature."""
        child = self._children.get(feature)
        if child is None:
            child = self._children[feature] = self._counter.labels(feature)
        child.inc(times)

    def count_all(self, found: Mapping[int, Sequence[str]]) -> None:
        """Count the features that rows name."""
        for names in found.values():
            for name in names:
                self.count(name)
