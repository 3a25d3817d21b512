"""What is kept about a training: the bundle's description, metrics and plots, the MLflow run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from churn_mlops import __version__
from churn_mlops.params import Params
from churn_mlops.registry.encoding import Encoding
from churn_mlops.registry.meta import FeatureFacts, Linear, Meta, Window
from churn_mlops.registry.mlflow_registry import Run
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.evaluate import Curve
from churn_mlops.training.rows import file_digest
from churn_mlops.training.split import Split


def describe(
    params: Params,
    *,
    family: str,
    features: tuple[FeatureFacts, ...],
    encoding: Encoding,
    linear: Linear | None,
    split: Split,
    metrics: Mapping[str, float],
    versions: Mapping[str, str],
) -> Meta:
    """Build the content of ``bundle.json``; the same inputs give the same content."""
    contract = dataset_contract(params)
    return Meta(
        family=family,
        features=features,
        encoding=encoding,
        linear=linear,
        label=params.churn,
        window=Window(
            train_first_day=split.train_days[0],
            train_last_day=split.train_days[-1],
            train_days=len(split.train_days),
            test_first_day=split.test_days[0],
            test_last_day=split.test_days[-1],
            test_days=len(split.test_days),
            embargo_days=split.embargo_days,
        ),
        metrics={name: float(value) for name, value in metrics.items()},
        settings=settings(params),
        data={contract.name: file_digest(contract.path(params))},
        versions={"churn_mlops": __version__, **versions},
    )


def settings(params: Params) -> dict[str, float | int | str | None]:
    """What shaped the training, flat, under the names of the parameters."""
    training, churn = params.training, params.churn
    return {
        "test_size": training.test_size,
        "class_weight": training.class_weight,
        "windows_days": ",".join(str(days) for days in params.features.windows_days),
        "window_days": churn.window_days,
        "active_within_days": churn.active_within_days,
        "snapshot_every_days": training.snapshot_every_days,
        "max_rows": training.max_rows,
        "seed": training.seed,
        "c": training.baseline.c,
        "max_iter": training.baseline.max_iter,
        "top_k": params.scoring.top_k,
    }


def write_reports(
    params: Params, name: str, report: Mapping[str, Any], curves: Mapping[str, Curve]
) -> list[Path]:
    """Write ``metrics/train_NAME.json`` and ``plots/NAME_CURVE.csv`` below the artifacts."""
    root = Path(params.paths.artifacts)
    texts = {root / "metrics" / f"train_{name}.json": json.dumps(report, indent=2) + "\n"}
    for kind, curve in curves.items():
        texts[root / "plots" / f"{name}_{kind}.csv"] = curve.as_csv()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.writing")
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    return list(texts)


def mlflow_run(params: Params, stage: str, meta: Meta, digest: str, outputs: Sequence[Path]) -> Run:
    """What MLflow is told: settings, metrics, the bundle, metrics JSON and plots, the data."""
    contract = dataset_contract(params)
    data = meta.data[contract.name]
    window = meta.window.model_dump(mode="json")
    folders = {".json": "", ".csv": "plots"}
    return Run(
        name=f"{stage} {meta.family}",
        params={name: str(value) for name, value in (meta.settings | window).items()},
        metrics=meta.metrics,
        tags={
            "stage": stage,
            "family": meta.family,
            "model_version": digest[:12],
            "bundle_sha256": digest,
            "training_dataset_sha256": data,
        },
        artifacts=[(str(path), folders.get(path.suffix, "model")) for path in outputs],
        dataset={"name": contract.name, "digest": data, "path": str(contract.path(params))},
    )
