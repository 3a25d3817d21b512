from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry

from churn_mlops.api.siblings import FOLDER_VARIABLE, ended, exposed, share_with_siblings

COUNT = """
from churn_mlops.api.metrics import Metrics
from prometheus_client import CollectorRegistry
metrics = Metrics(CollectorRegistry())
metrics.answered("GET", "/live", 200, 0.002)
metrics.in_flight.set(3)
"""


def test_alone_the_own_registry_is_shown(monkeypatch: object) -> None:
    registry = CollectorRegistry()
    assert FOLDER_VARIABLE not in os.environ
    share_with_siblings()
    assert FOLDER_VARIABLE not in os.environ
    assert exposed(registry) is registry


SPAWN = """
import multiprocessing, os
from churn_mlops.api.siblings import FOLDER_VARIABLE, share_with_siblings

def tell():
    share_with_siblings()
    print(os.environ[FOLDER_VARIABLE], flush=True)

if __name__ == "__main__":
    for _ in range(2):
        child = multiprocessing.get_context("spawn").Process(target=tell)
        child.start()
        child.join()
"""


def test_workers_of_one_parent_share_a_folder_and_sweep_old_ones(tmp_path: Path) -> None:
    script = tmp_path / "spawn.py"
    script.write_text(SPAWN)
    old = tmp_path / f"churn-api-{os.getuid()}-999999-12345"
    old.mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True
    )
    first, second = done.stdout.split()
    assert first == second
    assert Path(first).parent == tmp_path
    assert not old.exists()


def test_what_ended_processes_counted_stays_and_their_gauges_go(tmp_path: Path) -> None:
    environment = {**os.environ, FOLDER_VARIABLE: str(tmp_path)}
    for _ in range(3):
        subprocess.run([sys.executable, "-c", COUNT], env=environment, check=True)
    assert len(ended(tmp_path)) == 3
    show = COUNT + (
        "from churn_mlops.api.siblings import exposed\n"
        "from prometheus_client import generate_latest\n"
        "print(generate_latest(exposed(None)).decode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", show], env=environment, check=True, capture_output=True, text=True
    )
    assert 'churn_api_requests_total{method="GET",route="/live",status="200"} 4.0' in done.stdout
    assert "churn_api_in_flight_requests 3.0" in done.stdout
    assert len(ended(tmp_path)) == 1
