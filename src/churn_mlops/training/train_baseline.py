"""Stage train_baseline: a logistic regression, judged on later days, in a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from churn_mlops import engine
from churn_mlops.errors import BundleError
from churn_mlops.features.catalogue import Feature, model_features
from churn_mlops.params import Params
from churn_mlops.progress import Step, steps
from churn_mlops.registry.bundle import open_model, score, write_bundle
from churn_mlops.registry.encoding import Encoding
from churn_mlops.registry.golden import golden_rows
from churn_mlops.registry.meta import Linear
from churn_mlops.registry.mlflow_registry import Run, Tracker
from churn_mlops.registry.profile import reference_profile
from churn_mlops.summary import Summary
from churn_mlops.tables import scan
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.describe import describe, mlflow_run, write_reports
from churn_mlops.training.evaluate import curves, evaluate, recency_metrics
from churn_mlops.training.feature_facts import feature_facts
from churn_mlops.training.fit_encoding import fit_encoding
from churn_mlops.training.logistic import OPSET, Logistic, fit_logistic, to_onnx
from churn_mlops.training.rows import Rows, held, read_rows, rows_per_day
from churn_mlops.training.split import Split, require_enough, split_days

STAGE, FAMILY = "train_baseline", "logistic_regression"
# Largest difference between the trainer's and ONNX Runtime's probability of a test row.
PARITY = 1e-5
REFERENCE_DAYS = 7


def run(params: Params) -> Summary:
    """Read training_dataset; write the bundle, metrics and plots; log the run to MLflow.

    Raises
    ------
    TrackingError
        MLflow cannot be reached, found before anything is trained; or it refuses the run.
    NotEnoughDataError
        The split leaves too little.
    BundleError
        ONNX Runtime and the trainer disagree.
    """
    with Tracker(params.tracking) as tracker, steps(STAGE, 4) as step:
        summary, described = train(params, step)
        run_id = tracker.log(described)
        step("logged to MLflow")
    summary.facts["mlflow_run"] = run_id
    return summary


def train(params: Params, step: Step) -> tuple[Summary, Run]:
    """Do all of the stage but logging: read, fit, judge, write.

    Returns
    -------
    tuple of Summary and Run
        What the stage tells, and what MLflow is to be told.
    """
    features = model_features(params)
    split, rows, test = _read(params, features)
    step(f"read {len(rows):,} training and {len(test):,} test rows")
    encoding = fit_encoding(rows.columns, features, "linear")
    matrix = encoding.encode(rows.columns)
    model = fit_logistic(matrix, rows.labels, params.training)
    step(f"fitted in {model.iterations} iterations")

    onnx = to_onnx(model)
    session = open_model(onnx, encoding.width, params.duckdb.threads)
    risks = _checked(session, encoding.encode(test.columns), model)
    metrics = evaluate(test.labels, risks, test.days, test.users, params.scoring.top_k)
    metrics |= recency_metrics(test.labels, test.columns["days_since_last_activity"])

    meta = describe(
        params,
        family=FAMILY,
        features=feature_facts(rows, encoding, matrix, features),
        encoding=encoding,
        linear=_linear(model),
        split=split,
        metrics=metrics,
        versions=_versions(),
    )
    folder = Path(params.paths.artifacts) / "models" / "baseline"
    digest = write_bundle(
        folder,
        model=onnx,
        meta=meta,
        profile=_profile(rows, encoding, session, split),
        golden=golden_rows(
            test.columns,
            risks,
            encoding,
            lambda row: float(score(session, encoding.encode_row(row))[0]),
        ),
    )
    fit = {"train_rows": len(rows), "iterations": model.iterations, "converged": model.converged}
    report = metrics | fit | split.facts()
    outputs = [folder, *write_reports(params, "baseline", report, curves(test.labels, risks))]
    step(f"wrote the bundle, PR-AUC {metrics['pr_auc']:.3f}")
    facts = {name: round(metrics[name], 4) for name in ("pr_auc", "roc_auc", "pr_auc_recency")}
    summary = Summary(
        STAGE,
        {"train": len(rows), "test": len(test)},
        outputs,
        {**facts, "converged": model.converged, "model_version": digest[:12]},
    )
    return summary, mlflow_run(params, STAGE, meta, digest, outputs)


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


def _checked(session: Any, matrix: np.ndarray, model: Logistic) -> np.ndarray:
    risks = score(session, matrix)
    gap = float(np.max(np.abs(risks - model.predict(matrix))))
    if not gap <= PARITY:
        raise BundleError(
            f"ONNX Runtime and the trained model differ by up to {gap:.2g} on the test rows;"
            f" at most {PARITY:g} is allowed",
            fix="report this with the versions of onnx, onnxruntime and scikit-learn",
        )
    return risks


def _linear(model: Logistic) -> Linear:
    return Linear(
        intercept=model.intercept,
        coefficients=tuple(model.coefficients.tolist()),
        means=tuple(model.means.tolist()),
    )


def _versions() -> dict[str, str]:
    import sklearn

    return {"scikit_learn": sklearn.__version__, "onnx_opset": str(OPSET)}


def _profile(train: Rows, encoding: Encoding, session: Any, split: Split) -> dict[str, Any]:
    first = split.train_days[-REFERENCE_DAYS:][0]
    recent = train.of_days(first)
    risks = score(session, encoding.encode(recent.columns))
    span = (first.isoformat(), split.train_days[-1].isoformat())
    return reference_profile(recent.columns, encoding, risks, span)
