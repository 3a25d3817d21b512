from __future__ import annotations

import pytest

from churn_mlops.api.mlflow_source import MlflowSource
from churn_mlops.api.model_source import FolderSource
from churn_mlops.api.sources import source_for
from churn_mlops.api.tracker_source import TrackerSource
from churn_mlops.params import Params, Tracking


@pytest.mark.parametrize(
    ("uri", "kind", "name"),
    [
        (Tracking().uri, FolderSource, "folder"),
        ("http://127.0.0.1:5000", MlflowSource, "mlflow"),
        ("https://mlflow.example/", MlflowSource, "mlflow"),
        ("sqlite:////srv/registry.db", TrackerSource, "mlflow"),
        ("postgresql://u@h/registry", TrackerSource, "mlflow"),
    ],
)
def test_the_uri_says_where_models_come_from(uri: str, kind: type, name: str) -> None:
    source = source_for(Params(tracking=Tracking(uri=uri)))
    assert isinstance(source, kind)
    assert source.name == name
    source.close()
