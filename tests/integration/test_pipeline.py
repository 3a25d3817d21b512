"""The whole pipeline as a user runs it: `dvc repro` in a fresh workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ibis
import pytest
import yaml

from tests import workspaces
from tests.finished import LAST, SMALL, Finished, finished

pytestmark = pytest.mark.slow
STAGES = [
    "generate_data",
    "validate_data",
    "prepare_data",
    "build_features",
    "build_labels",
    "build_training_set",
    "train_baseline",
    "train_candidate",
    "promote_model",
    "batch_score",
]


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A workspace in which everything was run once, and what that printed."""
    return finished(tmp_path_factory, "csv")


def hashes(folder: Path) -> dict[str, str]:
    """Output path to content hash, for all outputs."""
    lock = yaml.safe_load((folder / "dvc.lock").read_text())
    return {o["path"]: o["md5"] for stage in lock["stages"].values() for o in stage["outs"]}


def ledger(folder: Path) -> list[dict[str, Any]]:
    """The decisions so far."""
    done = workspaces.run(folder, "churn", "history", "--verify", "--json")
    entries: list[dict[str, Any]] = json.loads(done.stdout)["entries"]
    return entries


def champion(folder: Path) -> str:
    """Which champion ranked the users."""
    text = (folder / "data/predictions/batch_predictions_latest.csv").read_text()
    header, first = text.splitlines()[:2]
    return first.split(",")[header.split(",").index("model_version")]


def test_every_stage_runs_once_in_order(csv: Finished) -> None:
    ran = workspaces.stages_run(csv.output)
    assert sorted(ran) == sorted(STAGES)
    for earlier, later in (
        ("generate_data", "validate_data"),
        ("validate_data", "prepare_data"),
        ("prepare_data", "build_features"),
        ("build_labels", "build_training_set"),
        ("build_training_set", "train_baseline"),
        ("build_training_set", "train_candidate"),
        ("train_baseline", "promote_model"),
        ("train_candidate", "promote_model"),
        ("promote_model", "batch_score"),
    ):
        assert ran.index(earlier) < ran.index(later)


def test_the_files_of_the_specification_are_there(csv: Finished) -> None:
    folder = csv.folder
    for path in (
        "data/raw/users.csv",
        "data/raw/events.csv",
        "data/validation/report.json",
        "data/processed/users_clean.csv",
        "data/processed/events_clean.csv",
        "data/processed/user_daily.csv",
        "data/processed/labels_daily.csv",
        "data/features/user_features_daily.csv",
        "data/features/training_dataset.csv",
        "data/predictions/batch_predictions_latest.csv",
        f"data/predictions/churn_predictions_{LAST}.csv",
        f"data/predictions/churn_top_20_{LAST}.csv",
        "artifacts/metrics/train_baseline.json",
        "artifacts/metrics/train_candidate.json",
        "artifacts/metrics/promotion.json",
        "artifacts/models/baseline/model.onnx",
        "artifacts/models/candidate/model.onnx",
        "artifacts/production/model.onnx",
        "artifacts/production/bundle.json",
        "artifacts/production/SHA256SUMS",
        "artifacts/ledger.jsonl",
        "mlflow.db",
    ):
        assert (folder / path).stat().st_size > 0, path
    pickles = [p for p in folder.rglob("*") if p.suffix in {".pkl", ".pickle", ".joblib"}]
    assert pickles == []


def test_a_second_run_runs_no_stage(csv: Finished) -> None:
    output = workspaces.run(csv.folder, "dvc", "repro").stdout
    assert workspaces.stages_run(output) == []
    assert "up to date" in output


def test_metrics_and_plots_are_known_to_dvc(csv: Finished) -> None:
    shown = json.loads(workspaces.run(csv.folder, "dvc", "metrics", "show", "--json").stdout)
    metrics = shown[""]["data"]["artifacts/metrics/train_baseline.json"]["data"]
    assert {"pr_auc", "roc_auc", "accuracy"} <= set(metrics)
    assert 0.5 < metrics["roc_auc"] < 1
    assert "data/validation/report.json" in shown[""]["data"]
    decided = shown[""]["data"]["artifacts/metrics/promotion.json"]["data"]
    assert decided["decision"] == "promoted"
    assert decided["against"] == "recency"
    workspaces.run(csv.folder, "dvc", "plots", "show")
    assert (csv.folder / "dvc_plots/index.html").exists()


def test_the_riskiest_users_are_shown(csv: Finished) -> None:
    text = workspaces.run(csv.folder, "churn", "top").stdout
    assert f"The 10 users most at risk on {LAST}" in text
    assert "data/predictions/batch_predictions_latest.csv" in text
    body = json.loads(workspaces.run(csv.folder, "churn", "top", "--json", "-n", "3").stdout)
    assert [int(row["risk_rank"]) for row in body["users"]] == [1, 2, 3]


def test_mlflow_knows_the_run(csv: Finished) -> None:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{csv.folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("churn")
    runs = {r.data.tags["stage"]: r for r in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"train_baseline", "train_candidate"}
    run = runs["train_baseline"]
    assert "train_baseline" in run.info.run_name
    assert run.data.params["test_size"] == "0.2"
    assert run.data.params["class_weight"] == "balanced"
    assert {"pr_auc", "roc_auc", "accuracy"} <= set(run.data.metrics)
    written = json.loads((csv.folder / "artifacts/metrics/train_baseline.json").read_text())
    assert run.data.metrics["pr_auc"] == pytest.approx(written["pr_auc"])


def test_the_first_champion_is_in_the_ledger_and_in_the_registry(
    csv: Finished,
) -> None:
    import mlflow

    (entry,) = ledger(csv.folder)
    assert entry["action"] == "promoted"
    assert entry["facts"]["challenger"]["version"] == champion(csv.folder)
    client = mlflow.MlflowClient(f"sqlite:///{csv.folder / 'mlflow.db'}")
    version = client.get_model_version_by_alias("churn", "champion")
    assert version.tags["bundle_sha256"].startswith(champion(csv.folder))
    assert version.tags["ledger_hash"] == entry["hash"]


def test_the_same_seed_gives_byte_identical_outputs(csv: Finished, tmp_path: Path) -> None:
    again = workspaces.make(tmp_path / "again", SMALL)
    workspaces.run(again, "dvc", "repro")
    assert hashes(again) == hashes(csv.folder)


def test_a_rollback_outlives_the_next_runs(csv: Finished, tmp_path: Path) -> None:
    folder = csv.copy(tmp_path / "work")
    first = champion(folder)
    workspaces.make(folder, workspaces.merge(SMALL, {"training": {"candidate": {"rounds": 60}}}))
    output = workspaces.run(folder, "dvc", "repro").stdout
    ran = workspaces.stages_run(output)
    assert sorted(ran[:2]) == ["train_baseline", "train_candidate"]
    assert ran[2:] == ["promote_model", "batch_score"]
    second = champion(folder)
    assert second != first

    workspaces.run(folder, "churn", "rollback", "--reason", "calls doubled")
    output = workspaces.run(folder, "dvc", "repro").stdout
    # The first champion's predictions may come from DVC's cache: they were made once before.
    assert workspaces.stages_run(output) in (["promote_model"], ["promote_model", "batch_score"])
    assert champion(folder) == first
    output = workspaces.run(folder, "dvc", "repro").stdout
    assert workspaces.stages_run(output) == []
    # Nor does training the same model again bring it back.
    workspaces.run(folder, "dvc", "repro", "-f", "train_candidate")
    workspaces.run(folder, "dvc", "repro")
    assert champion(folder) == first
    decided = [entry["action"] for entry in ledger(folder)]
    assert decided[:4] == ["promoted", "promoted", "rolled_back", "refused"]
    assert set(decided[4:]) <= {"refused"}


def test_parquet_holds_the_same_tables(
    csv: Finished, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = finished(tmp_path_factory, "parquet").folder
    con = ibis.duckdb.connect()
    for name in (
        "processed/users_clean",
        "processed/events_clean",
        "processed/user_daily",
        "processed/labels_daily",
        "features/user_features_daily",
        "features/training_dataset",
        "predictions/batch_predictions_latest",
    ):
        path = other / "data" / f"{name}.parquet"
        parquet = con.read_parquet(str(path / "*.parquet" if path.is_dir() else path))
        text = con.read_csv(str(csv.folder / "data" / f"{name}.csv"), all_varchar=True)
        if name.startswith("predictions"):
            parquet, text = parquet.drop("model_version"), text.drop("model_version")
        same_types = text.select(**{n: text[n].cast(t) for n, t in parquet.schema().items()})
        assert parquet.columns == text.columns
        assert parquet.count().execute() == text.count().execute() > 0
        assert same_types.difference(parquet).count().execute() == 0, name
        assert parquet.difference(same_types).count().execute() == 0, name


def test_one_stage_and_its_dependencies_and_any_size_of_parts(
    csv: Finished, tmp_path: Path
) -> None:
    over = workspaces.merge(SMALL, {"duckdb": {"rows_per_part": 3_000, "threads": 1}})
    folder = workspaces.make(tmp_path / "work", over)
    output = workspaces.run(folder, "dvc", "repro", "build_labels").stdout
    assert workspaces.stages_run(output) == [*STAGES[:3], "build_labels"]
    assert not (folder / "data/features").exists()

    workspaces.run(folder, "dvc", "repro", "build_training_set")
    ours, theirs = hashes(folder), hashes(csv.folder)
    assert "data/features/training_dataset.csv" in ours
    for path in ours:
        assert ours[path] == theirs[path], path
