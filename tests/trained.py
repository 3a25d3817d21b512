"""Models trained once for all tests that only read them."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from churn_mlops.params import Params
from churn_mlops.registry.bundle import Bundle, load_bundle
from churn_mlops.registry.mlflow_registry import Run
from churn_mlops.training import train, train_baseline, train_candidate
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


def train_both(params: Params) -> dict[str, Run]:
    """Train both families in place; the runs that MLflow would be told, by family name."""
    return {
        family.name: train.train(f"train_{family.name}", family, params, lambda _: None)[1]
        for family in (train_baseline.BASELINE, train_candidate.CANDIDATE)
    }


@functools.cache
def _trained() -> tuple[Params, dict[str, Run]]:
    folder = Path(tempfile.mkdtemp(prefix="churn-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    params = params_in(folder)
    write_tables(params)
    return params, train_both(params)


def trained(name: str = "baseline") -> tuple[Params, Run]:
    """Tables and both bundles in a temporary folder; do not write there."""
    params, runs = _trained()
    return params, runs[name]


def bundle_folder(name: str = "baseline") -> Path:
    """The folder of a trained bundle."""
    return Path(trained()[0].paths.artifacts) / "models" / name


@functools.cache
def bundle(name: str = "baseline") -> Bundle:
    """A trained bundle."""
    return load_bundle(bundle_folder(name))
