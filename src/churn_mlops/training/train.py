"""What both training stages do: read, fit, calibrate, export, judge, describe, log."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from churn_mlops import engine
from churn_mlops.features.catalogue import model_features
from churn_mlops.params import Params
from churn_mlops.progress import Step, steps
from churn_mlops.registry.bundle import score, write_bundle
from churn_mlops.registry.golden import golden_rows
from churn_mlops.registry.mlflow_registry import Run, Tracker
from churn_mlops.registry.profile import Profile, pack_profile
from churn_mlops.report.model_card import model_card
from churn_mlops.summary import Summary
from churn_mlops.tables import scan
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.data import read_data
from churn_mlops.training.describe import (
    describe,
    evaluation_body,
    flat_metrics,
    mlflow_run,
    write_reports,
)
from churn_mlops.training.feature_facts import feature_facts
from churn_mlops.training.judge import judge
from churn_mlops.training.model import Family, fit_model
from churn_mlops.training.rows import Rows, held, rows_per_day
from churn_mlops.training.split import split_days


def run(stage: str, family: Family, params: Params) -> Summary:
    """Train one family: read training_dataset, write bundle, metrics and plots, log to MLflow.

    Raises
    ------
    TrackingError
        MLflow cannot be reached, found before anything is trained; or it refuses the run.
    NotEnoughDataError
        The split leaves too little.
    LeakageError
        The data holds what the model may not see.
    BundleError
        ONNX Runtime and the trainer disagree.
    """
    started = time.perf_counter()
    with Tracker(params.tracking) as tracker, steps(stage, 5) as step:
        summary, described = train(stage, family, params, step)
        seconds = {"train_seconds": time.perf_counter() - started}
        run_id = tracker.log(replace(described, metrics={**described.metrics, **seconds}))
        step("logged to MLflow")
    summary.facts["mlflow_run"] = run_id
    return summary


def train(stage: str, family: Family, params: Params, step: Step) -> tuple[Summary, Run]:
    """Do all of the stage but logging.

    Returns
    -------
    tuple of Summary and Run
        What the stage tells, and what MLflow is to be told.
    """
    with engine.connect(params) as con:
        table = held(con, scan(con, dataset_contract(params), params), params)
        data = read_data(con, table, split_days(rows_per_day(table), params), params)
    step(f"read {len(data.fit):,} rows to fit on and {len(data.test):,} to test on")
    model, matrix = fit_model(family, data, params)
    fitted, calibrated = model.fitted, model.calibrated
    step(f"fitted {fitted.family}, calibrated by {calibrated.calibration.method}")

    facts = feature_facts(data.fit, model.encoding, matrix, model_features(params))
    risks = model.risks(data.test)
    judged = judge(data.test, risks, facts, model.encoding, fitted.model, params)
    step(f"judged, PR-AUC {judged.metrics['pr_auc']:.3f}")
    meta = describe(params, features=facts, model=model, split=data.split, judged=judged)
    folder = Path(params.paths.artifacts) / "models" / family.name
    digest = write_bundle(
        folder,
        model=model.onnx,
        meta=meta,
        profile=pack_profile(_profile(data.test, risks), params.training.seed),
        golden=golden_rows(
            data.test.columns,
            risks,
            model.encoding,
            lambda row: float(score(model.session, model.encoding.encode_rows([row]))[0]),
        ),
        card=model_card(meta),
    )
    version = digest[:12]
    numbers: dict[str, float | int | bool] = {
        "fit_rows": len(data.fit),
        "calibration_rows": len(data.calibration),
    }
    numbers |= {f"calibration_log_loss_{name}": v for name, v in calibrated.log_loss.items()}
    body = evaluation_body(
        params,
        meta,
        family.name,
        version,
        judged,
        calibration={
            "method": calibrated.calibration.method,
            "log_loss": calibrated.log_loss,
            "rows": len(data.calibration),
            "users": len(set(data.calibration.users.tolist())),
        },
        checks=[finding.facts() for finding in data.findings],
    )
    metrics = flat_metrics(judged, data.split, {**numbers, **fitted.facts})
    outputs = [folder, *write_reports(params, family.name, judged, metrics, body)]
    step("wrote the bundle")
    told = {name: round(judged.metrics[name], 4) for name in ("pr_auc", "roc_auc", "pr_auc_gain")}
    summary = Summary(
        stage,
        {"fit": len(data.fit), "calibration": len(data.calibration), "test": len(data.test)},
        outputs,
        {
            **told,
            "calibration": calibrated.calibration.method,
            **fitted.facts,
            "model_version": version,
        },
    )
    return summary, mlflow_run(params, stage, meta, digest, outputs)


def _profile(test: Rows, risks: np.ndarray) -> Profile:
    return Profile(test.columns, test.days, test.users, risks, test.labels)
