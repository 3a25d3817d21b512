"""Stage train_baseline: a logistic regression, judged on later days, in a bundle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from churn_mlops import __version__, engine
from churn_mlops.errors import BundleError
from churn_mlops.features.catalogue import Feature, model_features
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.registry.bundle import open_model, write_bundle
from churn_mlops.registry.encoding import Encoding
from churn_mlops.registry.golden import golden_rows
from churn_mlops.registry.meta import FeatureFacts, Linear, Meta, Window
from churn_mlops.registry.mlflow_registry import Run, Tracker
from churn_mlops.registry.profile import reference_profile
from churn_mlops.summary import Summary
from churn_mlops.tables import scan
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.evaluate import curves, evaluate, recency_metrics
from churn_mlops.training.feature_facts import feature_facts
from churn_mlops.training.fit_encoding import fit_encoding
from churn_mlops.training.logistic import OPSET, Logistic, fit_logistic, to_onnx
from churn_mlops.training.rows import Rows, file_digest, held, read_rows, rows_per_day
from churn_mlops.training.split import Split, require_enough, split_days

FAMILY = "logistic_regression"
PARITY = 1e-5
REFERENCE_DAYS = 7


def run(params: Params) -> Summary:
    """Read training_dataset; write the bundle, metrics and plots; log the run to MLflow.

    Raises
    ------
    TrackingError
        MLflow cannot be reached; found before anything is trained.
    NotEnoughDataError
        The split leaves too little.
    BundleError
        ONNX Runtime and the trainer disagree.
    """
    with Tracker(params.tracking) as tracker, steps("train_baseline", 5) as step:
        features = model_features(params)
        split, train, test = _read(params, features)
        step(f"read {len(train):,} training and {len(test):,} test rows")
        encoding = fit_encoding(train.columns, features, "linear")
        matrix = encoding.encode(train.columns)
        model = fit_logistic(matrix, train.labels, params.training)
        step(f"fitted in {model.iterations} iterations")
        onnx = to_onnx(model)
        session = open_model(onnx, encoding.width, params.duckdb.threads)
        test_matrix = encoding.encode(test.columns)
        risks = _checked(session, test_matrix, model)
        metrics = _metrics(test, risks, params)
        step(f"PR-AUC {metrics['pr_auc']:.3f}")
        facts = feature_facts(train, encoding, matrix, features)
        meta = _meta(params, facts, encoding, model, split, metrics)
        folder = Path(params.paths.artifacts) / "models" / "baseline"
        digest = write_bundle(
            folder,
            model=onnx,
            meta=meta,
            profile=_profile(train, encoding, session, split),
            golden=golden_rows(
                test.columns,
                risks,
                encoding,
                lambda row: float(_score(session, encoding.encode_row(row))[0]),
            ),
        )
        report = metrics | {"train_rows": len(train), "iterations": model.iterations} | split.facts()
        outputs = [folder, *_write_reports(params, report, test.labels, risks)]
        step("wrote the bundle")
        run_id = tracker.log(_run(params, meta, metrics, digest, outputs))
        step("logged to MLflow")
    return Summary(
        "train_baseline",
        {"train": len(train), "test": len(test)},
        outputs,
        {
            **{name: round(metrics[name], 4) for name in ("pr_auc", "roc_auc", "pr_auc_recency")},
            "converged": model.converged,
            "model_version": digest[:12],
            "mlflow_run": run_id,
        },
    )


def _read(params: Params, features: Sequence[Feature]) -> tuple[Split, Rows, Rows]:
    names = [feature.name for feature in features]
    with engine.connect(params) as con:
        table = held(con, scan(con, dataset_contract(params), params), params)
        split = split_days(rows_per_day(table), params)
        train = read_rows(con, table, names, split.train_days, params)
        require_enough(train.labels, "train", split)
        test = read_rows(con, table, names, split.test_days, params)
        require_enough(test.labels, "test", split)
    return split, train, test


def _score(session: Any, matrix: np.ndarray) -> np.ndarray:
    return np.asarray(session.run(None, {"matrix": matrix})[0], dtype=np.float64)


def _checked(session: Any, matrix: np.ndarray, model: Logistic) -> np.ndarray:
    risks = _score(session, matrix)
    gap = float(np.max(np.abs(risks - model.predict(matrix))))
    if not gap <= PARITY:
        raise BundleError(
            f"ONNX Runtime and the trained model differ by up to {gap:.2g} on the test rows;"
            f" at most {PARITY:g} is allowed",
            fix="report this with the versions of onnx, onnxruntime and scikit-learn",
        )
    return risks


def _metrics(test: Rows, risks: np.ndarray, params: Params) -> dict[str, float]:
    top_k = params.scoring.top_k
    return evaluate(test.labels, risks, test.days, test.users, top_k) | recency_metrics(
        test.labels, test.columns["days_since_last_activity"]
    )


def _meta(
    params: Params,
    facts: tuple[FeatureFacts, ...],
    encoding: Encoding,
    model: Logistic,
    split: Split,
    metrics: Mapping[str, float],
) -> Meta:
    import sklearn

    contract = dataset_contract(params)
    days = (split.train_days, split.test_days)
    return Meta(
        family=FAMILY,
        features=facts,
        encoding=encoding,
        linear=Linear(
            intercept=model.intercept,
            coefficients=tuple(model.coefficients.tolist()),
            means=tuple(model.means.tolist()),
        ),
        label=params.churn,
        window=Window(
            train_first_day=days[0][0],
            train_last_day=days[0][-1],
            train_days=len(days[0]),
            test_first_day=days[1][0],
            test_last_day=days[1][-1],
            test_days=len(days[1]),
            embargo_days=split.embargo_days,
        ),
        metrics={name: float(value) for name, value in metrics.items()},
        settings=settings(params),
        data={contract.name: file_digest(contract.path(params))},
        versions={
            "churn_mlops": __version__,
            "scikit_learn": sklearn.__version__,
            "onnx_opset": str(OPSET),
        },
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


def _profile(train: Rows, encoding: Encoding, session: Any, split: Split) -> dict[str, Any]:
    first = split.train_days[-REFERENCE_DAYS:][0]
    recent = train.of_days(first)
    risks = _score(session, encoding.encode(recent.columns))
    span = (first.isoformat(), split.train_days[-1].isoformat())
    return reference_profile(recent.columns, encoding, risks, span)


def _write_reports(
    params: Params, report: Mapping[str, Any], labels: np.ndarray, risks: np.ndarray
) -> list[Path]:
    root = Path(params.paths.artifacts)
    texts = {root / "metrics" / "train_baseline.json": json.dumps(report, indent=2) + "\n"}
    for name, curve in curves(labels, risks).items():
        texts[root / "plots" / f"baseline_{name}.csv"] = curve.as_csv()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.writing")
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    return list(texts)


def _run(
    params: Params, meta: Meta, metrics: Mapping[str, float], digest: str, outputs: Sequence[Path]
) -> Run:
    contract = dataset_contract(params)
    data = meta.data[contract.name]
    split = {k: str(v) for k, v in meta.window.model_dump(mode="json").items()}
    return Run(
        name=f"train_baseline {FAMILY}",
        params={key: str(value) for key, value in meta.settings.items()} | split,
        metrics=metrics,
        tags={
            "stage": "train_baseline",
            "family": FAMILY,
            "model_version": digest[:12],
            "bundle_sha256": digest,
            "training_dataset_sha256": data,
        },
        artifacts=[
            (str(path), {".json": "", ".csv": "plots"}.get(path.suffix, "model")) for path in outputs
        ],
        dataset={"name": contract.name, "digest": data, "path": str(contract.path(params))},
    )
