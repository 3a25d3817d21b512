from __future__ import annotations

import json
import subprocess
import sys

import pytest

from churn_mlops.params import Tracking

pytestmark = pytest.mark.slow


def talk(uri, folder):
    return subprocess.run(
        [sys.executable, "-m", "churn_mlops.registry.mlflow_worker"],
        input=Tracking(uri=uri).model_dump_json() + "\n",
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
    )


def test_without_a_run_nothing_is_logged(tmp_path):
    done = talk(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "INFO" not in done.stderr
    assert (tmp_path / "mlflow.db").exists()


def test_any_failure_is_one_json_object(tmp_path):
    done = talk("nonsense://x", tmp_path)
    assert "nonsense" in json.loads(done.stdout.splitlines()[-1])["error"]
