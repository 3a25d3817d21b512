"""What the routes of one process share: the model, the metrics, the logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from churn_mlops.api.leaving import Leaving
from churn_mlops.api.list_follower import ListFollower
from churn_mlops.api.metrics import Metrics
from churn_mlops.api.model_store import ModelStore
from churn_mlops.api.prediction_log import PredictionLog
from churn_mlops.api.problems import ProblemError
from churn_mlops.api.served import Served
from churn_mlops.api.shadow import Shadow
from churn_mlops.api.users import UserStore
from churn_mlops.params import Params, Serving


@dataclass
class State:
    """Parts of a running API.

    Parameters
    ----------
    params : Params
    metrics : Metrics
    store : ModelStore
    users : UserStore
    lists : ListFollower or None
        Fetches the list; None where it lies on this machine.
    prediction_log : PredictionLog
    shadow : Shadow
    registry : CollectorRegistry
        Where `metrics` live.
    golden : iterator of int
        Numbers of the golden rows that readiness asks about, one after the other.
    leaving : Leaving
    """

    params: Params
    metrics: Metrics
    store: ModelStore
    users: UserStore
    lists: ListFollower | None
    prediction_log: PredictionLog
    shadow: Shadow
    registry: Any
    golden: Iterator[int]
    leaving: Leaving

    @property
    def serving(self) -> Serving:
        """The parameters of the API."""
        return self.params.serving

    def served(self) -> Served:
        """The model that answers now; a request asks once and keeps it.

        Raises
        ------
        ProblemError
            There is none yet.
        """
        loaded = self.store.current
        if loaded is None:
            raise ProblemError.of(
                "no-model",
                "no champion could be loaded; /ready says why",
                headers=[(b"retry-after", b"5")],
            )
        return loaded.model

    def note(self, served: Served, asked: Any, risk: float, request_id: str) -> None:
        """Let the prediction log and the challenger draw whether they want this prediction."""
        if self.prediction_log.on and self.prediction_log.wants():
            self.prediction_log.add(entry(served, asked, risk, request_id))
        if self.shadow.on:
            self.shadow.offer(asked.features, risk)


def entry(served: Served, asked: Any, risk: float, request_id: str) -> Mapping[str, Any]:
    """A prediction as the log wants it."""
    return {
        "served": served,
        "user_id": asked.user_id,
        "snapshot_date": asked.snapshot_date,
        "features": asked.features,
        "churn_risk": risk,
        "request_id": request_id,
    }
