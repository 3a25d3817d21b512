"""The programs in pipelines/, which are no package: they are run as scripts."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "pipelines"
sys.path.insert(0, str(FOLDER))

import kfp_pipeline  # noqa: E402
import run_local  # noqa: E402
import settings  # noqa: E402

__all__ = ["FOLDER", "ROOT", "kfp_pipeline", "run_local", "settings"]
