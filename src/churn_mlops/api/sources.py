"""Which source the parameters mean."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from churn_mlops.api.mlflow_source import MlflowSource
from churn_mlops.api.model_source import FolderSource, Source
from churn_mlops.api.tracker_source import TrackerSource
from churn_mlops.params import Params, Tracking
from churn_mlops.registry.champion import production_folder

LOCAL = Tracking().uri


def source_for(params: Params) -> Source:
    """MLflow where a server (or a database of its own) is set, else the folder in production.

    The registry that lies beside the pipeline needs no asking: whoever promotes puts the champion
    into the folder as well.
    """
    uri = params.tracking.uri
    if uri == LOCAL:
        candidate = Path(params.paths.artifacts) / "models" / "candidate"
        return FolderSource(production_folder(params), candidate)
    if urlsplit(uri).scheme in ("http", "https"):
        return MlflowSource(params.tracking)
    return TrackerSource(params.tracking)
