"""The two real event logs, by configuration alone: whole pipeline, known facts, known quality."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import workspaces

pytestmark = pytest.mark.slow
ROOT = workspaces.ROOT


def metrics(folder: Path, name: str = "train_baseline") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"artifacts/metrics/{name}.json").read_text())
    return found


def quarantined(folder: Path) -> int:
    report = json.loads((folder / "data/validation/report.json").read_text())
    return sum(table["rows_quarantined"] for table in report["tables"].values())


def test_cdnow(tmp_path: Path) -> None:
    example = ROOT / "examples/cdnow"
    folder = workspaces.make(tmp_path / "work", params=example / "params.yaml")
    convert = [sys.executable, str(example / "convert.py"), str(folder / "cdnow/purchases.csv")]
    subprocess.run(convert, check=True, capture_output=True)
    workspaces.run(folder, "dvc", "repro")
    found = metrics(folder)
    assert quarantined(folder) == 0
    assert (found["test_first_day"], found["test_last_day"]) == ("1998-01-01", "1998-04-01")
    assert 0.59 < found["base_rate"] < 0.60
    assert found["roc_auc"] > 0.68
    assert found["pr_auc"] > 0.72
    assert found["roc_auc"] > found["roc_auc_recency"] + 0.03
    trees = metrics(folder, "train_candidate")
    assert trees["roc_auc"] > 0.685
    assert trees["pr_auc_gain_low"] > 0
    assert metrics(folder, "promotion")["decision"] == "promoted"
    body = json.loads(workspaces.run(folder, "churn", "top", "--json", "-n", "5").stdout)
    assert all(len(row["user_id"]) == 5 for row in body["users"]), "leading zeros are kept"


def oulad() -> Path:
    """The folder with OULAD: OULAD_DIR, or `oulad/` in the checkout or beside it."""
    for place in (os.environ.get("OULAD_DIR"), ROOT / "oulad", ROOT.parent / "oulad"):
        if place and (Path(place) / "events.parquet").exists():
            return Path(place).resolve()
    pytest.skip("OULAD is not here: set OULAD_DIR (examples/oulad/README.md)")


def test_oulad(tmp_path: Path) -> None:
    data = oulad()
    params = ROOT / "examples/oulad/params.yaml"
    folder = workspaces.make(tmp_path / "work", params=params)
    (folder / "oulad").symlink_to(data)
    workspaces.run(folder, "dvc", "repro")
    found = metrics(folder)
    assert quarantined(folder) == 0
    assert found["rows"] == 95_952
    assert found["base_rate"] == pytest.approx(0.1661, abs=5e-5)
    assert found["roc_auc_recency"] == pytest.approx(0.772, abs=5e-4)
    assert found["pr_auc_recency"] == pytest.approx(0.410, abs=5e-4)
    assert found["roc_auc"] > 0.825
    assert found["pr_auc"] > 0.476
    trees = metrics(folder, "train_candidate")
    assert trees["roc_auc"] > 0.849
    assert trees["pr_auc"] > 0.53
    assert trees["pr_auc_gain_low"] > 0.1
    assert metrics(folder, "promotion")["decision"] == "promoted"
