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
