"""Puts what happens to the model into metrics and into the log."""

from __future__ import annotations

import time

import structlog

from churn_mlops.api.metrics import Metrics
from churn_mlops.api.served import Served

log = structlog.get_logger()


class Watcher:
    """Told by the model store.

    Parameters
    ----------
    metrics : Metrics
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._up: bool | None = None

    def swapped(self, before: Served | None, after: Served, seconds: float) -> None:
        """A model answers from now on; `seconds` since it was named."""
        metrics = self._metrics
        if before is not None:
            metrics.model_info.labels(*_labels(before)).set(0)
            metrics.swaps.inc()
        metrics.model_info.labels(*_labels(after)).set(1)
        metrics.model_loaded.set(time.time())
        metrics.swap_seconds.observe(seconds)
        log.info(
            "another model serves" if before else "a model serves",
            model_version=after.version,
            registry_version=after.number,
            previous=before.version if before else None,
            seconds=round(seconds, 3),
        )

    def refused(self, version: str, reason: str, why: str, again_in: float) -> None:
        """A model was not let in."""
        self._metrics.refusals.labels(reason).inc()
        log.error(
            "a model was refused; the one before serves on",
            model_version=version,
            kind=reason,
            reason=why,
            again_in_seconds=round(again_in, 1),
        )

    def source(self, up: bool, why: str = "") -> None:
        """The source answered or did not."""
        self._metrics.source_up.set(up)
        if up != self._up and not up:
            log.warning("the source of models is away", reason=why)
        elif up and self._up is False:
            log.info("the source of models is back")
        self._up = up

    def stale(self, stale: bool) -> None:
        """Whether the model that serves is not the champion."""
        self._metrics.stale.set(stale)


def _labels(served: Served) -> tuple[str, str, str]:
    number = "" if served.number is None else str(served.number)
    return served.version, number, served.bundle.meta.family
