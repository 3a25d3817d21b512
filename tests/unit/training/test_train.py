from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from churn_mlops.errors import BundleError, NotEnoughDataError
from churn_mlops.registry.bundle import FILES, load_bundle
from churn_mlops.registry.profile import REFERENCE_DAYS, read_profile
from churn_mlops.training import model as model_module
from churn_mlops.training import train, train_baseline
from churn_mlops.training.calibrate import METHODS
from tests.made_up import write_tables
from tests.trained import bundle, bundle_folder, params_in, train_both, trained

NAMES = ("baseline", "candidate")


def artifact(path):
    return json.loads((Path(trained()[0].paths.artifacts) / path).read_text())


def metrics(name):
    return artifact(f"metrics/train_{name}.json")


def evaluation(name):
    return artifact(f"evaluation/{name}.json")


@pytest.mark.parametrize("name", NAMES)
def test_metrics_are_flat_finite_and_carry_quality_split_and_calibration(name):
    found = metrics(name)
    for key, value in found.items():
        assert isinstance(value, str | int | float), key
        assert isinstance(value, str) or math.isfinite(value), key
    assert {"accuracy", "log_loss", "brier", "ece", "recall_at_k", "base_rate"} <= set(found)
    assert {"pr_auc_recency", "roc_auc_activity", "pr_auc_gain", "embargo_days"} <= set(found)
    assert {f"calibration_log_loss_{method}" for method in ("none", *METHODS)} <= set(found)
    assert found["pr_auc_low"] < found["pr_auc"] < found["pr_auc_high"]
    assert found["pr_auc_gain_low"] < found["pr_auc_gain"] < found["pr_auc_gain_high"]
    assert found["fit_rows"] > found["calibration_rows"] > 50
    assert found["roc_auc"] > 0.75
    family = {"baseline": {"converged", "iterations"}, "candidate": {"rounds", "validation_pr_auc"}}
    assert family[name] <= set(found)


@pytest.mark.parametrize("name", NAMES)
def test_risks_are_real_probabilities(name):
    found = metrics(name)
    assert found["ece"] < 0.06
    risks = read_profile(bundle(name).profile).risks
    assert risks.mean() == pytest.approx(found["base_rate"], abs=0.06)


@pytest.mark.parametrize("name", NAMES)
def test_the_evaluation_holds_everything_that_the_report_shows(name):
    found, meta = evaluation(name), bundle(name).meta
    assert set(found) == {
        "name",
        "family",
        "model_version",
        "metrics",
        "intervals",
        "confidence",
        "resamples",
        "rules",
        "beats_rules",
        "slices",
        "curves",
        "importance",
        "profit",
        "split",
        "calibration",
        "checks",
    }
    assert (found["name"], found["family"]) == (name, meta.family)
    assert found["model_version"] == bundle(name).version
    assert found["metrics"] == meta.metrics
    assert set(found["intervals"]) <= set(found["metrics"])
    assert found["intervals"] == {n: list(pair) for n, pair in meta.intervals.items()}
    assert set(found["rules"]) == {"recency", "activity"}
    assert found["rules"]["recency"]["pr_auc"] == meta.metrics["pr_auc_recency"]
    assert found["beats_rules"] is (found["intervals"]["pr_auc_gain"][0] > 0)
    assert set(found["curves"]) == {"pr", "roc", "calibration"}
    assert found["split"]["embargo_days"] == 7
    assert found["profit"] is None
    assert [check["id"] for check in found["checks"]] == ["CHN301", "CHN303", "CHN304", "CHN305"]
    assert {"by", "value", "rows", "pr_auc"} <= set(found["slices"][0])


@pytest.mark.parametrize("name", NAMES)
def test_the_calibration_that_is_told_is_the_one_that_is_in_the_bundle(name):
    told = evaluation(name)["calibration"]
    assert set(told) == {"method", "log_loss", "rows", "users"}
    assert told["method"] == bundle(name).meta.calibration.method
    losses = {method: told["log_loss"][method] for method in METHODS}
    assert told["log_loss"][told["method"]] == min(losses.values())
    assert bundle(name).meta.metrics["held_out_log_loss"] == min(losses.values())
    assert told["rows"] == metrics(name)["calibration_rows"]
    assert 5 < told["users"] < 120 * 0.4


@pytest.mark.parametrize("name", NAMES)
def test_importance_ranks_every_feature_and_adds_up(name):
    found = evaluation(name)["importance"]
    assert {entry["feature"] for entry in found} == set(bundle(name).meta.feature_names)
    shares = [entry["share"] for entry in found]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    # The made-up risk follows recency.
    assert "days_since_last_activity" in [entry["feature"] for entry in found[:3]]


def test_plots_are_written():
    root = Path(trained()[0].paths.artifacts) / "plots"
    expected = {f"{n}_{kind}.csv" for n in NAMES for kind in ("pr", "roc", "calibration")}
    assert {path.name for path in root.iterdir()} == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_bundle_tells_label_window_data_and_thresholds(name):
    params, meta = trained()[0], bundle(name).meta
    assert meta.label == params.churn
    assert meta.window.embargo_days == 7
    assert len(meta.data["training_dataset"]) == 64
    assert meta.metrics["pr_auc"] == metrics(name)["pr_auc"]
    assert set(meta.thresholds) == {"top_k"}
    assert 0 < meta.thresholds["top_k"] < 1
    card = (bundle_folder(name) / "model_card.md").read_text()
    assert card.startswith("# Model card: churn within 7 days")


@pytest.mark.parametrize("name", NAMES)
def test_mlflow_is_told_settings_metrics_and_files(name):
    run = trained(name)[1]
    assert {"test_size", "class_weight", "windows_days", "window_days"} <= set(run.params)
    assert {"pr_auc", "roc_auc", "accuracy"} <= set(run.metrics)
    assert all(math.isfinite(value) for value in run.metrics.values())
    folders = [folder for _, folder in run.artifacts]
    assert folders == ["model", "", "evaluation", "plots", "plots", "plots"]
    assert all(Path(path).exists() for path, _ in run.artifacts)
    assert run.tags["training_dataset_sha256"] == bundle(name).meta.data["training_dataset"]
    assert run.tags["bundle_sha256"] == bundle(name).digest


def test_both_models_are_judged_on_the_same_rows():
    first, second = bundle("baseline").meta, bundle("candidate").meta
    assert first.window == second.window
    assert first.data == second.data
    for name in ("rows", "users", "churned", "base_rate", "pr_auc_recency", "roc_auc_activity"):
        assert first.metrics[name] == second.metrics[name]


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    folder = tmp_path_factory.mktemp("again")
    params = params_in(folder, scoring={"value": {"customer_value": 100.0, "contact_cost": 1.0}})
    write_tables(params)
    return folder, train_both(params)


@pytest.mark.parametrize("name", NAMES)
def test_training_again_gives_the_same_model(again, name):
    folder = again[0] / "artifacts/models" / name
    for file in ("model.onnx", "golden_rows.json", "reference_profile.parquet"):
        assert (folder / file).read_bytes() == (bundle_folder(name) / file).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_with_a_value_the_profit_is_judged_as_well(again, name):
    folder = again[0] / "artifacts"
    profit = json.loads((folder / f"evaluation/{name}.json").read_text())["profit"]
    meta = load_bundle(folder / "models" / name).meta
    assert profit["best_profit_per_user"] >= profit["chosen_profit_per_user"]
    assert meta.thresholds["profit"] == profit["break_even"]
    assert meta.metrics["profit_per_user"] == profit["chosen_profit_per_user"]
    assert meta.metrics["expected_maximum_profit"] == profit["expected_maximum_profit"]


def on_the_same_tables(folder, **over):
    params = params_in(folder, **over)
    paths = params.paths.model_copy(update={"data": trained()[0].paths.data})
    return params.model_copy(update={"paths": paths})


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    params = on_the_same_tables(tmp_path)
    train.train("train_baseline", train_baseline.BASELINE, params, lambda _: None)
    folder = tmp_path / "artifacts/models/baseline"
    for name in FILES:
        assert (folder / name).read_bytes() == (bundle_folder() / name).read_bytes()


def test_both_formats_train_the_same_model(tmp_path):
    params = params_in(tmp_path, tables={"format": "parquet"})
    write_tables(params)
    train_both(params)
    for name in NAMES:
        folder = tmp_path / "artifacts/models" / name
        for file in ("model.onnx", "golden_rows.json"):
            assert (folder / file).read_bytes() == (bundle_folder(name) / file).read_bytes()


def test_too_few_days_are_an_error_and_leave_nothing(tmp_path):
    params = params_in(tmp_path)
    write_tables(params, users=60, days=12)
    with pytest.raises(NotEnoughDataError, match="no training day is left"):
        train_both(params)
    assert not (tmp_path / "artifacts").exists()


def test_disagreement_with_onnx_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(model_module, "PARITY", -1.0)
    with pytest.raises(BundleError, match="differ by up to"):
        train_both(on_the_same_tables(tmp_path))
    assert not (tmp_path / "artifacts").exists()


def test_the_summary_counts_rows_and_names_files(tmp_path):
    params = on_the_same_tables(tmp_path)
    told = []
    summary, _ = train.train("train_baseline", train_baseline.BASELINE, params, told.append)
    assert set(summary.rows) == {"fit", "calibration", "test"}
    assert all(path.exists() for path in summary.outputs)
    assert summary.facts["model_version"] == bundle().version
    assert summary.facts["pr_auc"] == round(bundle().meta.metrics["pr_auc"], 4)
    assert len(told) == 4


def test_the_profile_is_that_of_the_last_test_days():
    profile, window = read_profile(bundle().profile), bundle().meta.window
    assert profile.days.max() == np.datetime64(window.test_last_day)
    assert profile.days.min() >= np.datetime64(window.test_first_day)
    assert len(np.unique(profile.days)) == min(window.test_days, REFERENCE_DAYS)
    assert set(profile.columns) == set(bundle().meta.feature_names)
    assert np.array_equal(profile.risks, bundle().score(bundle().encode(profile.columns)))


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
