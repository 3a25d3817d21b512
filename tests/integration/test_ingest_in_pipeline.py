"""`churn ingest` and DVC: what was ingested stays, and the later stages see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests import workspaces
from tests.grown_days import files

pytestmark = pytest.mark.slow
SMALL = {"data": {"synthetic": {"users": 150, "days": 70}}, "tables": {"format": "parquet"}}
LATER = ["validate_data", "prepare_data", "build_features", "build_labels", "build_training_set"]


def reproduce(folder: Path) -> list[str]:
    return workspaces.stages_run(
        workspaces.run(folder, "dvc", "repro", "build_training_set").stdout
    )


def change(folder: Path, **synthetic: int) -> None:
    path = folder / "params.yaml"
    tree = yaml.safe_load(path.read_text())
    tree["data"]["synthetic"] |= synthetic
    path.write_text(yaml.safe_dump(tree, sort_keys=False))


def test_dvc_keeps_what_was_ingested(tmp_path: Path) -> None:
    folder = workspaces.make(tmp_path / "work", SMALL)
    assert reproduce(folder) == ["generate_data", *LATER]
    workspaces.run(folder, "churn", "ingest")
    raw = files(folder / "data/raw")
    assert reproduce(folder) == ["generate_data", *LATER]
    assert files(folder / "data/raw") == raw
    report = json.loads((folder / "data/validation/report.json").read_text())
    assert report["calendar"]["last_day"] == "2025-03-12"
    assert reproduce(folder) == []
    # To and fro: a run cache would bring back the raw tables of the first run.
    for days in (71, 70):
        change(folder, days=days)
        reproduce(folder)
        assert files(folder / "data/raw") == raw
    bad = folder / "data/raw/bad_days.json"
    marked = {"day": "2025-02-01", "check": "CHN405", "why": "minutes", "labels": False}
    bad.write_text(json.dumps({"days": [marked]}))
    assert "build_training_set" in reproduce(folder)
    told = workspaces.run(folder, "churn", "build-training-set", "--json").stdout
    assert json.loads(told)["facts"]["left out for bad days"] > 0
