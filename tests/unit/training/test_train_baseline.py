from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn_mlops.errors import BundleError, NotEnoughDataError, TrackingError
from churn_mlops.registry.bundle import FILES, load_bundle
from churn_mlops.training import train_baseline
from tests.made_up import write_tables
from tests.trained import bundle, bundle_folder, params_in, trained


def report():
    return json.loads(
        (Path(trained()[0].paths.artifacts) / "metrics/train_baseline.json").read_text()
    )


def test_metrics_carry_quality_and_split():
    found = report()
    assert found["roc_auc"] > 0.8
    assert abs(found["pr_auc"] - found["pr_auc_recency"]) < 0.2
    assert found["embargo_days"] == 7
    assert found["converged"] is True
    assert {"accuracy", "log_loss", "brier", "ece", "recall_at_k", "base_rate"} <= set(found)


def test_risks_are_real_probabilities():
    found = report()
    assert found["ece"] < 0.05
    assert bundle().profile["risk"]["mean"] == pytest.approx(found["base_rate"], abs=0.05)


def test_plots_are_written():
    root = Path(trained()[0].paths.artifacts) / "plots"
    assert {p.name for p in root.iterdir()} == {
        "baseline_pr.csv",
        "baseline_roc.csv",
        "baseline_calibration.csv",
    }


def test_the_bundle_tells_label_window_data_and_settings():
    params = trained()[0]
    meta = bundle().meta
    assert meta.label == params.churn
    assert meta.window.embargo_days == 7
    assert len(meta.data["training_dataset"]) == 64
    assert meta.settings["class_weight"] == "balanced"
    assert meta.metrics["pr_auc"] == report()["pr_auc"]


def test_mlflow_is_told_what_the_specification_lists():
    run = trained()[1]
    assert run.name == "train_baseline logistic_regression"
    assert {"test_size", "class_weight", "windows_days", "window_days"} <= set(run.params)
    assert {"pr_auc", "roc_auc", "accuracy"} <= set(run.metrics)
    assert [folder for _, folder in run.artifacts] == ["model", "", "plots", "plots", "plots"]
    assert run.tags["training_dataset_sha256"] == bundle().meta.data["training_dataset"]


def test_training_again_gives_the_same_bytes(tmp_path):
    params = params_in(tmp_path)
    write_tables(params)
    train_baseline.train(params, lambda _: None)
    again = tmp_path / "artifacts/models/baseline"
    for name in FILES:
        assert (again / name).read_bytes() == (bundle_folder() / name).read_bytes()


def test_both_formats_train_the_same_model(tmp_path):
    params = params_in(tmp_path, tables={"format": "parquet"})
    write_tables(params)
    train_baseline.train(params, lambda _: None)
    model = tmp_path / "artifacts/models/baseline/model.onnx"
    assert model.read_bytes() == (bundle_folder() / "model.onnx").read_bytes()


def test_no_tracking_is_found_before_anything_is_read(tmp_path):
    params = params_in(tmp_path, tracking={"uri": "sqlite:////nowhere/at/all/mlflow.db"})
    with pytest.raises(TrackingError, match="there is no directory"):
        train_baseline.run(params)
    assert not (tmp_path / "artifacts").exists()


def test_too_few_days_are_an_error_and_leave_no_bundle(tmp_path):
    params = params_in(tmp_path)
    write_tables(params, users=60, days=12)
    with pytest.raises(NotEnoughDataError, match="no training day is left"):
        train_baseline.train(params, lambda _: None)
    assert not (tmp_path / "artifacts").exists()


def test_disagreement_with_onnx_is_an_error(tmp_path, monkeypatch):
    params = params_in(tmp_path)
    write_tables(params)
    monkeypatch.setattr(train_baseline, "PARITY", -1.0)
    with pytest.raises(BundleError, match="differ by up to"):
        train_baseline.train(params, lambda _: None)
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.slow
def test_the_whole_stage_logs_to_sqlite(tmp_path, workspace):
    params = params_in(tmp_path)
    write_tables(params)
    summary = train_baseline.run(params)
    assert summary.facts["mlflow_run"]
    assert (tmp_path / "mlflow.db").exists()
    assert (
        load_bundle(tmp_path / "artifacts/models/baseline").version
        == summary.facts["model_version"]
    )
