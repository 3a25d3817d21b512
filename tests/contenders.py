"""Models of chosen worth: a trained baseline that looks at some of its features only."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from churn_mlops.params import Params
from churn_mlops.registry import champion, promote_model, rollback
from churn_mlops.registry.bundle import Bundle, load_bundle, open_model, score, write_bundle
from churn_mlops.registry.calibration import Calibration
from churn_mlops.registry.golden import golden_rows
from churn_mlops.registry.meta import Linear
from churn_mlops.registry.mlflow_registry import Run, Tracker
from churn_mlops.training import train
from churn_mlops.training.calibrate import calibrate
from churn_mlops.training.onnx_graph import to_onnx
from churn_mlops.training.train_baseline import BASELINE
from tests.made_up import features, write_tables
from tests.trained import params_in

USERS, DAYS, KEEN = 300, 60, 3.0
# Every so many matrix columns are looked at: all of them, a few, fewer.
GOOD, FAIR, POOR = 1, 7, 23


@functools.cache
def _trained() -> tuple[tempfile.TemporaryDirectory[str], Bundle]:
    """Tables and a baseline, made once; the directory ends with the process."""
    folder = tempfile.TemporaryDirectory(prefix="churn-contenders-")
    params = params_in(Path(folder.name))
    write_tables(params, USERS, DAYS, keen=KEEN)
    train.train("train_baseline", BASELINE, params, lambda _: None)
    return folder, load_bundle(Path(folder.name) / "artifacts" / "models" / "baseline")


def params_for(folder: Path, model: str = "churn", **over: Any) -> Params:
    """Parameters with artifacts of their own and the tables of all contenders."""
    tree = params_in(folder, **over).model_dump()
    tree["paths"]["data"] = str(Path(_trained()[0].name) / "data")
    tree["tracking"]["model"] = model
    return Params.model_validate(tree)


@functools.cache
def _made(every: int) -> tuple[Linear, Calibration, bytes, list[dict[str, Any]]]:
    """Calibrated on the rows of all days, so that only the ranking is better or worse."""
    bundle = _trained()[1]
    meta = bundle.meta
    table, labels = features(params_in(Path()), USERS, DAYS, keen=KEEN)
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in meta.feature_names}
    matrix = meta.encoding.encode(columns)
    assert meta.linear is not None
    coefficients = np.array(meta.linear.coefficients)
    seen = np.arange(len(coefficients)) % every == 0
    seen |= [name == "days_since_last_activity" for name, _ in meta.encoding.matrix_columns]
    coefficients[~seen] = 0.0
    linear = Linear(
        intercept=0.0, coefficients=tuple(coefficients.tolist()), means=meta.linear.means
    )
    users = table["user_id"].to_numpy()
    calibration = calibrate(matrix @ coefficients, labels, users).calibration
    model = to_onnx(linear, calibration, meta.encoding.width)
    session = open_model(model, meta.encoding.width)
    golden = golden_rows(
        columns,
        score(session, matrix),
        meta.encoding,
        lambda row: float(score(session, meta.encoding.encode_row(row))[0]),
    )
    return linear, calibration, model, golden


def put(
    params: Params,
    every: int = GOOD,
    name: str = "candidate",
    held_out_log_loss: float = 0.1,
    note: float = 0.0,
    **changes: Any,
) -> Bundle:
    """Write a model of chosen worth where training writes it; `changes` go into its `Meta`.

    `note` goes into its metrics: models of equal worth that differ in it are different models.
    """
    linear, calibration, model, golden = _made(every)
    trained = _trained()[1]
    metrics = trained.meta.metrics | {"held_out_log_loss": held_out_log_loss, "note": note}
    told = {"linear": linear, "calibration": calibration, "metrics": metrics, **changes}
    meta = trained.meta.model_copy(update=told)
    folder = Path(params.paths.artifacts) / "models" / name
    profile = trained.profile
    write_bundle(folder, model=model, meta=meta, profile=profile, golden=golden, card="x\n")
    return load_bundle(folder)


def log(tracker: Tracker, params: Params, name: str = "candidate") -> str:
    """Tell MLflow of the model that `put` wrote, as training does; the run's id."""
    folder = Path(params.paths.artifacts) / "models" / name
    stage = f"train_{name}"
    tags = {"bundle_sha256": load_bundle(folder).digest, "stage": stage}
    dataset = {"name": "training_dataset", "digest": "0", "path": "x"}
    return tracker.log(Run(f"{stage} x", {}, {}, tags, [(str(folder), "model")], dataset))


@contextmanager
def shared(tracker: Tracker, monkeypatch: Any) -> Iterator[None]:
    """Let all that would start MLflow use the one that runs: a start takes seconds."""

    class Running:
        def __init__(self, _: object) -> None:
            pass

        def __enter__(self) -> Tracker:
            return tracker

        def __exit__(self, *_: object) -> None:
            pass

    for module in (promote_model, rollback, champion):
        monkeypatch.setattr(module, "Tracker", Running)
    yield
