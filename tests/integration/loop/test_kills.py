"""Days of a small workspace whose command is killed again and again."""

from __future__ import annotations

import random
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests import killing, workspaces
from tests.finished import LAST, finished

KILLS = 4


def test_nothing_is_lost_or_left_behind_by_kills(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    portal = finished(tmp_path_factory, "parquet").copy(tmp_path / "portal")
    workspaces.run(portal, "churn", "daily")
    day = LAST + timedelta(days=2)
    command = ["churn", "daily", "--as-of", str(day)]
    calm = Path(shutil.copytree(portal, tmp_path / "calm", symlinks=True))
    seconds = killing.finish(calm, command)
    expected, rng = killing.left(calm), random.Random(1)
    killed = 0
    for _ in range(KILLS):
        killed += killing.kill(portal, command, seconds * rng.uniform(0.3, 0.9))
    killing.finish(portal, command)
    assert killed > 0
    assert killing.differing(expected, killing.left(portal)) == []
    assert not killing.is_locked(portal)
