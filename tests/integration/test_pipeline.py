"""The whole pipeline as a user runs it: `dvc repro` in a fresh workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ibis
import pytest
import yaml

from tests import workspaces

pytestmark = pytest.mark.slow
# Days enough for validation days of their own, users enough for a first champion.
SMALL = {"data": {"synthetic": {"users": 600, "days": 130}}, "scoring": {"top_k": 20}}
LAST_DAY = "2025-05-10"
# A first champion that the trees of SMALL beat beyond doubt: the logistic regression.
WEAK = {
    "training": {"candidate": {"rounds": 1, "num_leaves": 2}},
    "promotion": {"confidence": 0.5, "max_slice_drop": 1.0},
}
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
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace in which everything was run once, and what that printed."""
    folder = workspaces.make(tmp_path_factory.mktemp("pipeline") / "work", SMALL)
    return folder, workspaces.run(folder, "dvc", "repro").stdout


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


def test_every_stage_runs_once_in_order(finished: tuple[Path, str]) -> None:
    ran = workspaces.stages_run(finished[1])
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


def test_the_files_of_the_specification_are_there(finished: tuple[Path, str]) -> None:
    folder, _ = finished
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
        f"data/predictions/churn_predictions_{LAST_DAY}.csv",
        f"data/predictions/churn_top_20_{LAST_DAY}.csv",
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


def test_a_second_run_runs_no_stage(finished: tuple[Path, str]) -> None:
    output = workspaces.run(finished[0], "dvc", "repro").stdout
    assert workspaces.stages_run(output) == []
    assert "up to date" in output


def test_metrics_and_plots_are_known_to_dvc(finished: tuple[Path, str]) -> None:
    shown = json.loads(workspaces.run(finished[0], "dvc", "metrics", "show", "--json").stdout)
    metrics = shown[""]["data"]["artifacts/metrics/train_baseline.json"]["data"]
    assert {"pr_auc", "roc_auc", "accuracy"} <= set(metrics)
    assert 0.5 < metrics["roc_auc"] < 1
    assert "data/validation/report.json" in shown[""]["data"]
    decided = shown[""]["data"]["artifacts/metrics/promotion.json"]["data"]
    assert decided["decision"] == "promoted"
    assert decided["against"] == "recency"
    workspaces.run(finished[0], "dvc", "plots", "show")
    assert (finished[0] / "dvc_plots/index.html").exists()


def test_the_riskiest_users_are_shown(finished: tuple[Path, str]) -> None:
    text = workspaces.run(finished[0], "churn", "top").stdout
    assert f"The 10 users most at risk on {LAST_DAY}" in text
    assert "data/predictions/batch_predictions_latest.csv" in text
    body = json.loads(workspaces.run(finished[0], "churn", "top", "--json", "-n", "3").stdout)
    assert [int(row["risk_rank"]) for row in body["users"]] == [1, 2, 3]


def test_mlflow_knows_the_run(finished: tuple[Path, str]) -> None:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{finished[0] / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("churn")
    runs = {r.data.tags["stage"]: r for r in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"train_baseline", "train_candidate"}
    run = runs["train_baseline"]
    assert "train_baseline" in run.info.run_name
    assert run.data.params["test_size"] == "0.2"
    assert run.data.params["class_weight"] == "balanced"
    assert {"pr_auc", "roc_auc", "accuracy"} <= set(run.data.metrics)
    written = json.loads((finished[0] / "artifacts/metrics/train_baseline.json").read_text())
    assert run.data.metrics["pr_auc"] == pytest.approx(written["pr_auc"])


def test_the_first_champion_is_in_the_ledger_and_in_the_registry(
    finished: tuple[Path, str],
) -> None:
    import mlflow

    (entry,) = ledger(finished[0])
    assert entry["action"] == "promoted"
    assert entry["facts"]["challenger"]["version"] == champion(finished[0])
    client = mlflow.MlflowClient(f"sqlite:///{finished[0] / 'mlflow.db'}")
    version = client.get_model_version_by_alias("churn", "champion")
    assert version.tags["bundle_sha256"].startswith(champion(finished[0]))
    assert version.tags["ledger_hash"] == entry["hash"]


def test_the_same_seed_gives_byte_identical_outputs(
    finished: tuple[Path, str], tmp_path: Path
) -> None:
    again = workspaces.make(tmp_path / "again", SMALL)
    workspaces.run(again, "dvc", "repro")
    assert hashes(again) == hashes(finished[0])


def test_a_rollback_outlives_the_next_runs(tmp_path: Path) -> None:
    folder = workspaces.make(tmp_path / "work", workspaces.merge(SMALL, WEAK))
    workspaces.run(folder, "dvc", "repro")
    first = champion(folder)
    workspaces.make(folder, SMALL)
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


def test_parquet_holds_the_same_tables(finished: tuple[Path, str], tmp_path: Path) -> None:
    over: dict[str, Any] = SMALL | {"tables": {"format": "parquet"}}
    other = workspaces.make(tmp_path / "parquet", over)
    workspaces.run(other, "dvc", "repro")
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
        csv = con.read_csv(str(finished[0] / "data" / f"{name}.csv"), all_varchar=True)
        if name.startswith("predictions"):
            parquet, csv = parquet.drop("model_version"), csv.drop("model_version")
        same_types = csv.select(**{n: csv[n].cast(t) for n, t in parquet.schema().items()})
        assert parquet.columns == csv.columns
        assert parquet.count().execute() == csv.count().execute() > 0
        assert same_types.difference(parquet).count().execute() == 0, name
        assert parquet.difference(same_types).count().execute() == 0, name


def test_one_stage_and_its_dependencies(tmp_path: Path) -> None:
    folder = workspaces.make(tmp_path / "work", SMALL)
    output = workspaces.run(folder, "dvc", "repro", "build_labels").stdout
    assert workspaces.stages_run(output) == [*STAGES[:3], "build_labels"]
    assert not (folder / "data/features").exists()


def test_the_outputs_are_independent_of_the_size_of_parts(
    finished: tuple[Path, str], tmp_path: Path
) -> None:
    over = workspaces.merge(SMALL, {"duckdb": {"rows_per_part": 3_000, "threads": 1}})
    other = workspaces.make(tmp_path / "parts", over)
    workspaces.run(other, "dvc", "repro", "build_training_set")
    ours, theirs = hashes(other), hashes(finished[0])
    for path in ours:
        assert ours[path] == theirs[path], path
