"""Models of chosen worth: a trained baseline that looks at some of its features only."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from churn_mlops.params import Params
from churn_mlops.registry import champion, history, promote_model
from churn_mlops.registry.bundle import Bundle, load_bundle, open_model, score, write_bundle
from churn_mlops.registry.calibration import Calibration
from churn_mlops.registry.catch_up import catch_up
from churn_mlops.registry.golden import golden_rows
from churn_mlops.registry.meta import Linear
from churn_mlops.registry.mlflow_registry import Run, Tracker
from churn_mlops.training import train
from churn_mlops.training.calibrate import calibrate
from churn_mlops.training.onnx_graph import to_onnx
from churn_mlops.training.train_baseline import BASELINE
from tests.conftest import merge
from tests.made_up import features, write_tables
from tests.mlflow_store import Store
from tests.trained import params_in

USERS, DAYS, KEEN = 300, 60, 3.0
TABLES = {"format": "parquet"}
# Recency and one in so many of the other matrix columns are looked at: all, a few, hardly any.
GOOD, FAIR, POOR = 1, 5, 23


@functools.cache
def _trained() -> tuple[tempfile.TemporaryDirectory[str], Bundle]:
    """Tables and a baseline, made once; the directory ends with the process."""
    folder = tempfile.TemporaryDirectory(prefix="churn-contenders-")
    params = params_in(Path(folder.name), tables=TABLES)
    write_tables(params, USERS, DAYS, keen=KEEN)
    train.train("train_baseline", BASELINE, params, lambda _: None)
    return folder, load_bundle(Path(folder.name) / "artifacts" / "models" / "baseline")


def params_for(folder: Path, store: Store, name: str, **over: Any) -> Params:
    """Parameters with artifacts of their own and the tables of all contenders."""
    tree = params_in(folder, tables=TABLES, **over).model_dump()
    tree["paths"]["data"] = str(Path(_trained()[0].name) / "data")
    tree["tracking"] |= {"uri": store.uri, "model": name, "experiment": name}
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
        lambda row: float(score(session, meta.encoding.encode_rows([row]))[0]),
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
    folder = Path(params.paths.artifacts) / "models" / name
    if changes:
        measured = {"held_out_log_loss": held_out_log_loss, "note": note}
        _write(folder, every, measured, **changes)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(_written(every, held_out_log_loss, note), folder)
    return load_bundle(folder)


@functools.cache
def _written(every: int, held_out_log_loss: float, note: float) -> Path:
    """A bundle to copy: most tests want the same few."""
    folder = Path(_trained()[0].name) / f"written {every} {held_out_log_loss} {note}"
    _write(folder, every, {"held_out_log_loss": held_out_log_loss, "note": note})
    return folder


def _write(folder: Path, every: int, measured: dict[str, float], **changes: Any) -> None:
    linear, calibration, model, golden = _made(every)
    trained = _trained()[1]
    metrics = trained.meta.metrics | measured
    given = {"linear": linear, "calibration": calibration, "metrics": metrics, **changes}
    meta = trained.meta.model_copy(update=given)
    profile = trained.profile
    write_bundle(folder, model=model, meta=meta, profile=profile, golden=golden, card="x\n")


def log(tracker: Tracker, params: Params, name: str = "candidate") -> str:
    """Tell MLflow of the model that `put` wrote, as training does; the run's id."""
    folder = Path(params.paths.artifacts) / "models" / name
    stage = f"train_{name}"
    tags = {"bundle_sha256": load_bundle(folder).digest, "stage": stage}
    dataset = {"name": "training_dataset", "digest": "0", "path": "x"}
    return tracker.log(Run(f"{stage} x", {}, {}, tags, [(str(folder), "model")], dataset))


@dataclass(frozen=True)
class Place:
    """A registry with a model of its own, and artifacts of their own."""

    tracker: Tracker
    params: Params

    @property
    def root(self) -> Path:
        return Path(self.params.paths.artifacts)

    @property
    def production(self) -> Path:
        return self.root / "production"

    def train(self, every: int = GOOD, name: str = "candidate", **over: Any) -> Bundle:
        """As the training stages: write a bundle and log it."""
        made = put(self.params, every, name, **over)
        log(self.tracker, self.params, name)
        return made

    def crown(self, every: int = GOOD, name: str = "candidate", **over: Any) -> Bundle:
        """A champion without the gate: the alias was moved by hand, which is noted."""
        made = put(self.params, every, name, **over)
        model, run_id = self.params.tracking.model, log(self.tracker, self.params, name)
        tags = {champion.DIGEST: made.digest, "family": made.meta.family}
        number = self.tracker.register(model, run_id, "model", tags)
        self.tracker.set_alias(model, champion.CHAMPION, number)
        champion.current_champion(self.tracker, self.params)
        catch_up(self.tracker, self.params)
        return made

    def promote(self, **over: Any) -> dict[str, Any]:
        """Run the stage; what it wrote to promotion.json."""
        promote_model.run(self.params, **over)
        found: dict[str, Any] = json.loads((self.root / "metrics/promotion.json").read_text())
        return found

    def champion(self) -> str | None:
        """Digest that the alias names."""
        version = self.tracker.by_alias(self.params.tracking.model, champion.CHAMPION)
        return version.tags[champion.DIGEST] if version else None

    def actions(self) -> list[str]:
        """What the ledger tells."""
        return [entry.action for entry in history.ledger(self.params).entries()]

    def state(self) -> tuple[object, ...]:
        """All that must not change when nothing is promoted: bytes, alias."""
        files = {p.name: p.read_bytes() for p in sorted(self.production.glob("*"))}
        return files, self.champion()

    def with_params(self, **over: Any) -> Place:
        """The same place under other parameters."""
        return Place(self.tracker, Params.model_validate(merge(self.params.model_dump(), over)))

    def stored(self, number: int) -> Path:
        """Where the registry keeps a version's bundle."""
        version = self.tracker.by_version(self.params.tracking.model, number)
        assert version is not None
        database = Path(self.tracker.tracking.uri.removeprefix("sqlite:///"))
        (folder,) = database.parent.glob(f"mlruns/*/{version.run_id}/artifacts/model")
        return folder


def place_in(folder: Path, store: Store, name: str, **over: Any) -> Place:
    """A place with artifacts in a folder and a model in a store, which must be in use."""
    params = params_for(folder, store, name, **over)
    return Place(store.tracker(name), params)


def damage(path: Path) -> None:
    """Change one byte in the middle of a file."""
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)
