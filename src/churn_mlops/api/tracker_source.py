"""The champion of a registry that speaks no HTTP, such as a database; through MLflow's client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from churn_mlops.api.model_source import Named, SourceAwayError
from churn_mlops.errors import BundleError, TrackingError
from churn_mlops.params import Tracking
from churn_mlops.registry.champion import CHALLENGER, CHAMPION
from churn_mlops.registry.mlflow_registry import Tracker

T = TypeVar("T")


class TrackerSource:
    """Asks `Tracker`, whose process is kept from one call to the next.

    Parameters
    ----------
    tracking : Tracking
    """

    name = "mlflow"

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        self._tracker: Tracker | None = None

    def champion(self) -> Named | None:
        """The version that the alias champion names."""
        return self._by_alias(CHAMPION)

    def challenger(self) -> Named | None:
        """The version that the alias challenger names, unless it is the champion."""
        challenger = self._by_alias(CHALLENGER)
        return None if challenger == self.champion() else challenger

    def _by_alias(self, alias: str) -> Named | None:
        model = self._tracking.model
        version = self._call(lambda tracker: tracker.by_alias(model, alias))
        return Named.by_tags(model, version.version, version.tags) if version else None

    def fetch(self, named: Named, to: Path) -> None:
        """Download a version's files."""
        number = named.number
        if number is None:
            raise BundleError("a bundle without a version cannot be in the registry")
        to.rmdir()
        self._call(lambda tracker: tracker.download(self._tracking.model, number, to))

    def _call(self, call: Callable[[Tracker], T]) -> T:
        try:
            if self._tracker is None:
                self._tracker = Tracker(self._tracking).__enter__()
            return call(self._tracker)
        except TrackingError as error:
            # Its process may have ended; the next call starts another.
            self.close()
            raise SourceAwayError(error.message, fix=error.fix) from error

    def close(self) -> None:
        """End the process."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.__exit__(None, None, None)
