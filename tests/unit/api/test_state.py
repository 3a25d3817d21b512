from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prometheus_client import CollectorRegistry

from churn_mlops.api.app import make_state
from churn_mlops.api.metrics import Metrics
from churn_mlops.api.problems import ProblemError
from churn_mlops.api.state import State
from tests.serving import golden_request, workspace


def made(folder: Path, champion: str | None = "candidate") -> State:
    registry = CollectorRegistry()
    params = workspace(folder, champion, prediction_log={"share": 1.0})
    state = make_state(params, Metrics(registry), registry)
    state.store.refresh()
    return state


def test_without_a_model_a_request_is_told_to_come_back(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="no-model") as caught:
        made(tmp_path, None).served()
    assert dict(caught.value.headers)[b"retry-after"] == b"5"


def test_a_prediction_is_noted_for_the_log(tmp_path: Path) -> None:
    state = made(tmp_path)
    served = state.served()
    body, risk = golden_request()
    asked = served.request.model_validate({**body, "snapshot_date": "2025-04-30"})
    state.note(served, asked, risk, "r-1")
    state.prediction_log.close()
    folder = Path(state.params.paths.artifacts) / "serving" / "predictions"
    (path,) = folder.iterdir()
    (row,) = pq.read_table(path).to_pylist()
    assert (row["request_id"], row["user_id"], row["churn_risk"]) == ("r-1", "17", risk)
    assert str(row["snapshot_date"]) == "2025-04-30"
    assert row["model_version"] == served.version
