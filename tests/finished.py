"""Workspaces in which the whole pipeline has run: made once a test run, for all of its workers."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import workspaces

DAYS = 75
LAST = date(2025, 1, 1) + timedelta(days=DAYS - 1)
# Minutes come as seconds on the third day after the pipeline's last.
BAD = LAST + timedelta(days=3)
# The smallest portal with validation days of its own and a first champion.
SMALL: dict[str, Any] = {
    "data": {
        "synthetic": {
            "users": 300,
            "days": DAYS,
            "dirt": {"late": 0.05, "duplicates": 0.002},
            "drift": [{"kind": "unit_error", "start": str(BAD), "end": str(BAD)}],
        }
    },
    "churn": {"window_days": 7, "active_within_days": 7},
    "features": {"windows_days": [3, 7, 14]},
    "training": {"candidate": {"rounds": 10}},
    "scoring": {"top_k": 20},
    # Any first champion will do.
    "promotion": {
        "min_rows": 50,
        "min_users": 20,
        "confidence": 0.5,
        "max_slice_drop": 1.0,
        "max_ece_increase": 1.0,
    },
}
FORMATS = {
    "csv": SMALL,
    "parquet": workspaces.merge(SMALL, {"tables": {"format": "parquet"}}),
}


@dataclass(frozen=True)
class Finished:
    """A workspace that is not to be changed, and what `dvc repro` printed there."""

    folder: Path
    output: str

    def copy(self, to: Path) -> Path:
        """A copy to work in, without copying blocks where the file system can share them."""
        command = ["cp", "--archive", "--reflink=auto", str(self.folder), str(to)]
        subprocess.run(command, check=True)
        return to


def finished(factory: pytest.TempPathFactory, format_: str) -> Finished:
    """The small portal with tables of a format, after `dvc repro`; who comes first makes it."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, output = root / f"finished-{format_}", root / f"finished-{format_}.output"
    with (root / f"finished-{format_}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not output.exists():
            shutil.rmtree(folder, ignore_errors=True)
            workspaces.make(folder, FORMATS[format_])
            printed = workspaces.run(folder, "dvc", "repro").stdout
            output.write_text(printed)
    return Finished(folder, output.read_text())
