"""`churn ingest`: two at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from churn_mlops.loop.lock import HELD_BY, lock_path
from churn_mlops.params import Params
from tests.unit.data.source import OVER, events, good_files, lay_out

PROGRAM = [sys.executable, "-c", "from churn_mlops.cli import main; main()"]
INGEST = [*PROGRAM, "ingest", "--as-of", "2025-02-09"]


@pytest.mark.slow
def test_of_two_ingests_at_once_one_works_and_one_is_told(workspace: Path) -> None:
    lay_out(workspace, good_files())
    (workspace / "params.yaml").write_text(yaml.safe_dump(OVER | {"tables": {"format": "csv"}}))
    known = {name: value for name, value in os.environ.items() if name != HELD_BY}
    lock = lock_path(Params())
    with subprocess.Popen(INGEST, stdout=subprocess.DEVNULL, env=known) as first:
        while not (lock.exists() and lock.read_text()):
            assert first.poll() is None
            time.sleep(0.001)
        # It works on when the other has tried.
        first.send_signal(signal.SIGSTOP)
        second = subprocess.run(INGEST, capture_output=True, text=True, env=known, timeout=120)
        first.send_signal(signal.SIGCONT)
    assert (first.returncode, second.returncode) == (0, 22), second.stderr
    assert f"churn ingest (process {first.pid}) is at work" in second.stderr
    rows = (workspace / "data/raw/events.csv").read_text().splitlines()[1:]
    assert len(rows) == len(set(rows)) == len(events())


def test_looking_at_bad_days_waits_for_nobody(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    subprocess.run([*PROGRAM, "bad-days"], check=True, timeout=60)
    assert not lock_path(Params()).exists()
