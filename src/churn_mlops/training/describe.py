"""What is kept about a training: the bundle's description, metrics and plots, the MLflow run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from churn_mlops import __version__
from churn_mlops.files import write_text
from churn_mlops.params import Params
from churn_mlops.registry.meta import FeatureFacts, Meta, Window
from churn_mlops.registry.mlflow_registry import Run
from churn_mlops.training import logistic
from churn_mlops.training.bootstrap import RANKING
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.judge import Judged
from churn_mlops.training.model import Model
from churn_mlops.training.onnx_graph import OPSET
from churn_mlops.training.rows import table_digest
from churn_mlops.training.simple_rules import RULES
from churn_mlops.training.split import Split


def describe(
    params: Params,
    *,
    features: tuple[FeatureFacts, ...],
    model: Model,
    split: Split,
    judged: Judged,
) -> Meta:
    """Build the content of ``bundle.json``; the same inputs give the same content."""
    contract = dataset_contract(params)
    return Meta(
        family=model.fitted.family,
        features=features,
        encoding=model.encoding,
        linear=model.fitted.linear,
        trees=model.fitted.trees,
        calibration=model.calibrated.calibration,
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
        metrics={name: float(value) for name, value in judged.metrics.items()}
        | {"held_out_log_loss": model.calibrated.held_out_log_loss},
        # A metric that did not exist in any resample has no interval.
        intervals={n: pair for n, pair in judged.intervals.items() if isfinite(sum(pair))},
        thresholds=dict(judged.thresholds),
        settings=settings(params, model.fitted.family),
        data={contract.name: table_digest(contract.path(params))},
        versions={
            "churn_mlops": __version__,
            "onnx_opset": str(OPSET),
            **model.fitted.versions,
        },
    )


def settings(params: Params, family: str) -> dict[str, float | int | str | None]:
    """What shaped the training, flat, under the names of the parameters."""
    training, churn = params.training, params.churn
    own = training.baseline if family == logistic.FAMILY else training.candidate
    return {
        "test_size": training.test_size,
        "class_weight": training.class_weight if family == logistic.FAMILY else None,
        "windows_days": ",".join(str(days) for days in params.features.windows_days),
        "window_days": churn.window_days,
        "active_within_days": churn.active_within_days,
        "snapshot_every_days": training.snapshot_every_days,
        "max_rows": training.max_rows,
        "calibration_share": training.calibration_share,
        "validation_share": training.validation_share,
        "seed": training.seed,
        "top_k": params.scoring.top_k,
        **{n: v for n, v in own.model_dump().items() if not isinstance(v, dict)},
    }


def write_reports(
    params: Params, name: str, judged: Judged, metrics: Mapping[str, Any], body: Mapping[str, Any]
) -> list[Path]:
    """Write what people and DVC read about a model, below the artifacts.

    ``metrics/train_NAME.json`` is flat; ``evaluation/NAME.json`` holds everything for the report;
    ``plots/NAME_CURVE.csv`` are the curves.
    """
    root = Path(params.paths.artifacts)
    texts = {
        root / "metrics" / f"train_{name}.json": _json(metrics),
        root / "evaluation" / f"{name}.json": _json(body),
    }
    for kind, curve in judged.curves.items():
        texts[root / "plots" / f"{name}_{kind}.csv"] = curve.as_csv()
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def flat_metrics(
    judged: Judged, split: Split, facts: Mapping[str, float | int | bool]
) -> dict[str, Any]:
    """All numbers of one model by name; an interval's ends stand beside as _low and _high."""
    ends = {
        f"{name}_{end}": value
        for name, pair in judged.intervals.items()
        for end, value in zip(("low", "high"), pair, strict=True)
        if isfinite(value)
    }
    return {**judged.metrics, **ends, **facts, **split.facts()}


def evaluation_body(
    params: Params, meta: Meta, name: str, version: str, judged: Judged, **more: Any
) -> dict[str, Any]:
    """Everything about a model's test for the report, as JSON holds it."""
    gain = meta.intervals.get("pr_auc_gain")
    return {
        "name": name,
        "family": meta.family,
        "model_version": version,
        "metrics": meta.metrics,
        "intervals": meta.intervals,
        "confidence": params.evaluation.confidence,
        "resamples": params.evaluation.resamples,
        "rules": {
            rule: {metric: meta.metrics[f"{metric}_{rule}"] for metric in RANKING} for rule in RULES
        },
        "beats_rules": gain is not None and gain[0] > 0,
        "slices": list(judged.slices),
        "curves": {
            kind: {column: values.tolist() for column, values in curve.columns.items()}
            for kind, curve in judged.curves.items()
        },
        "importance": list(judged.importance),
        "profit": judged.profit,
        "split": meta.window.model_dump(mode="json"),
        **more,
    }


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def mlflow_run(params: Params, stage: str, meta: Meta, digest: str, outputs: Sequence[Path]) -> Run:
    """What MLflow is told: settings, metrics, the bundle, metrics JSON and plots, the data."""
    contract = dataset_contract(params)
    data = meta.data[contract.name]
    window = meta.window.model_dump(mode="json")
    # Files keep the name of their folder; the metrics stand at the run's root.
    folders = {"metrics": "", "evaluation": "evaluation", "plots": "plots", "models": "model"}
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
        artifacts=[(str(path), folders[path.parent.name]) for path in outputs],
        dataset={"name": contract.name, "digest": data, "path": str(contract.path(params))},
    )
