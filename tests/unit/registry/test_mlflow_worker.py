from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_without_a_run_nothing_is_logged(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    command = [sys.executable, "-m", "churn_mlops.registry.mlflow_worker", uri, "churn", "5"]
    done = subprocess.run(
        command, input="", capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0
    assert done.stdout == ""
    assert "INFO" not in done.stderr


@pytest.mark.slow
def test_any_failure_is_one_json_object(tmp_path):
    command = [sys.executable, "-m", "churn_mlops.registry.mlflow_worker"]
    done = subprocess.run(
        [*command, "nonsense://x", "churn", "5"],
        input="",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert "nonsense" in json.loads(done.stdout.splitlines()[-1])["error"]
