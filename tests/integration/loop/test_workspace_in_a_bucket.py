"""Jobs of a day on machines that share nothing but an object store and MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_mlops.errors import WorkspaceBusyError
from churn_mlops.loop.lease import lease
from churn_mlops.loop.state_store import Store
from tests import s3_server
from tests.mlflow_server import running as mlflow_server
from tests.s3_server import BUCKET, S3

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server.running(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as (uri, _):
        yield uri


def project(folder: Path) -> Path:
    """As in the image: code and pipeline, no git; and a small portal's parameters."""
    folder.mkdir()
    for name in ("src", "scripts", "dvc.yaml", ".dvcignore"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".dvc").mkdir()
    config = (ROOT / ".dvc/config").read_text()
    (folder / ".dvc/config").write_text(f"{config}    no_scm = true\n")
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    tree["data"]["synthetic"]["users"] = 400
    tree["training"]["candidate"]["rounds"] = 5
    gate = {"min_rows": 50, "min_users": 20, "confidence": 0.5, "max_slice_drop": 1.0}
    tree["promotion"] |= gate
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return folder


def test_any_machine_does_the_next_job(store: S3, tracking: str, tmp_path: Path) -> None:
    place = project(tmp_path / "project")
    environment = os.environ | s3_server.environment(store.endpoint)
    environment |= {
        "MLFLOW_TRACKING_URI": tracking,
        "CHURN__JOBS__WORKSPACE": f"s3://{BUCKET}/workspace",
        "CHURN__JOBS__TRIES": "1",
        "CHURN__MONITORING__RETRAIN__EVERY_DAYS": "1",
        "CHURN__MONITORING__RETRAIN__COOLDOWN_DAYS": "0",
        "CHURN__MONITORING__RETRAIN__MIN_LABEL_DAYS": "0",
    }

    def job(machine: str, *arguments: str) -> dict[str, Any]:
        folder = tmp_path / machine
        folder.mkdir()
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("churn")), "job", *arguments),
                *("--json", "--project", str(place)),
            ],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        told: dict[str, Any] = json.loads(done.stdout[done.stdout.index('{"job"') :])
        return told["summary"]["facts"]

    first = job("one", "seed-model")
    assert first["champion"]
    again = job("two", "seed-model")
    assert (again["champion"], again["stages"]) == (first["champion"], [])
    assert job("three", "batch-score")["as_of_date"] == "2025-05-01"
    checked = job("four", "drift-check")
    assert checked["as_of_date"] == "2025-05-01"
    assert job("five", "weekly-retrain", "--exit-zero")["action"] == "retrain"
    assert job("six", "batch-score")["as_of_date"] == "2025-05-02"


def test_a_bucket_decides_who_may_work(store: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment(store.endpoint).items():
        monkeypatch.setenv(name, value)
    place = Store(f"s3://{BUCKET}/leased")
    assert place.create("one", b"first")
    assert not place.create("one", b"second")
    assert place.read("one") == b"first"
    with lease(place, wait=10.0) as held:
        held.check()
        with pytest.raises(WorkspaceBusyError), lease(place, wait=0, look=0.1):
            pytest.fail("two at once")
    with lease(place, wait=0) as held:
        held.check()
