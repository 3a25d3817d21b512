"""A model trained once for all tests that only read it."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from churn_mlops.params import Params
from churn_mlops.registry.bundle import Bundle, load_bundle
from churn_mlops.registry.mlflow_registry import Run
from churn_mlops.training import train_baseline
from tests.made_up import write_tables

CHURN = {"window_days": 7, "active_within_days": 30}


def params_in(folder: Path, **over: object) -> Params:
    """Parameters whose tables, artifacts and MLflow database lie in a folder."""
    return Params.model_validate(
        {
            "paths": {"data": str(folder / "data"), "artifacts": str(folder / "artifacts")},
            "tracking": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
            "churn": CHURN,
            "duckdb": {"threads": 1, "memory_limit": "1GB"},
            **over,
        }
    )


@functools.cache
def trained() -> tuple[Params, Run]:
    """Tables and a bundle in a temporary folder; do not write there."""
    folder = Path(tempfile.mkdtemp(prefix="churn-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    params = params_in(folder)
    write_tables(params)
    _, run = train_baseline.train(params, lambda _: None)
    return params, run


def bundle_folder() -> Path:
    """The folder of the trained bundle."""
    return Path(trained()[0].paths.artifacts) / "models" / "baseline"


@functools.cache
def bundle() -> Bundle:
    """The trained bundle."""
    return load_bundle(bundle_folder())
