"""Days of a small workspace, worked in by the real command: sound, bad, killed, contended."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import killing, workspaces
from tests.finished import BAD, LAST, finished

pytestmark = pytest.mark.slow


def daily(folder: Path, day: date | None = None, code: int = 0) -> dict[str, Any]:
    """Run `churn daily` and return what it printed as JSON."""
    given = ("--as-of", str(day)) if day else ()
    done = workspaces.run(folder, "churn", "daily", "--json", *given, code=code)
    return json.loads(done.stdout) if code == 0 else {"error": done.stderr}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a champion and one day of daily work."""
    folder = finished(tmp_path_factory, "parquet").copy(tmp_path_factory.mktemp("daily") / "portal")
    told = daily(folder)
    assert told["facts"]["as_of_date"] == str(LAST + timedelta(days=1))
    return folder


@pytest.fixture
def portal(ready: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copytree(ready, tmp_path / "portal", symlinks=True))


def test_a_day_has_its_list_and_all_that_is_known_about_it(ready: Path) -> None:
    day = LAST + timedelta(days=1)
    log = json.loads((ready / f"artifacts/daily/{day}.json").read_text())
    assert log["status"] == "done"
    assert [one["step"] for one in log["steps"]] == [
        "ingest",
        "validate_data",
        "prepare_data",
        "build_features",
        "build_labels",
        "batch_score",
        "score_shadow",
        "score_proxy",
        "drift_check",
        "performance",
    ]
    assert (ready / f"data/predictions/churn_predictions_{day}.parquet").exists()
    assert (ready / f"artifacts/monitoring/drift/{day}.json").exists()
    assert (ready / f"data/features/user_features_daily.parquet/day-{day}.parquet").exists()
    latest = json.loads((ready / "artifacts/monitoring/performance_latest.json").read_text())
    assert latest["as_of_date"] == str(day)


def test_a_day_that_is_worked_in_again_comes_to_the_same(portal: Path) -> None:
    before = killing.left(portal)
    told = daily(portal, LAST + timedelta(days=1))
    assert told["facts"]["days"] == 1
    assert killing.differing(before, killing.left(portal)) == []


def test_days_that_were_missed_are_all_worked_in(portal: Path) -> None:
    assert daily(portal, LAST + timedelta(days=2))["facts"]["days"] == 1
    done = workspaces.run(portal, "churn", "daily", "--as-of", str(LAST), code=10)
    assert f"{LAST} lies before {LAST + timedelta(days=2)}" in done.stderr


def test_a_day_that_was_broken_off_is_finished_before_the_next(portal: Path) -> None:
    day = LAST + timedelta(days=2)
    workspaces.run(portal, "churn", "ingest", "--as-of", str(day))
    assert daily(portal)["facts"]["as_of_date"] == str(day)


def test_a_bad_day_has_no_list_and_the_days_after_it_go_on(portal: Path) -> None:
    after = BAD + timedelta(days=1)
    told = daily(portal, after, code=13)
    assert f"of what arrived on {BAD}" in told["error"]
    failed = json.loads((portal / f"artifacts/daily/{BAD}.json").read_text())
    assert (failed["status"], failed["error"]["step"]) == ("failed", "validate_data")
    assert not (portal / f"data/predictions/churn_predictions_{BAD}.parquet").exists()
    assert (portal / f"data/predictions/churn_predictions_{after}.parquet").exists()
    shown = workspaces.run(portal, "churn", "bad-days", "--json").stdout
    marked = {(one["day"], one["check"]) for one in json.loads(shown)["facts"]["days"]}
    assert (str(BAD), "CHN123") in marked
    waits = workspaces.run(portal, "churn", "retrain", "--dry-run", "--json").stdout
    checks = {one["check"]: one for one in json.loads(waits)["facts"]["checks"]}
    assert checks["CHN501"]["passed"], "the latest day is sound"


def test_two_do_not_work_in_one_workspace(portal: Path) -> None:
    first = killing.start(portal, ["churn", "daily"])
    try:
        while first.poll() is None and not killing.is_locked(portal):
            time.sleep(0.05)
        assert first.poll() is None
        done = workspaces.run(portal, "churn", "daily", code=22)
        assert f"churn daily (process {first.pid}) is at work" in done.stderr
    finally:
        first.wait()


def test_a_schedulers_jobs_do_the_day_in_parts(portal: Path) -> None:
    day = LAST + timedelta(days=2)
    done = workspaces.run(portal, "churn", "job", "batch-score", "--json")
    told = json.loads(done.stdout)
    assert (told["job"], told["attempts"], told["exit_code"]) == ("batch-score", 1, 0)
    assert told["summary"]["facts"]["as_of_date"] == str(day)
    log = json.loads((portal / f"artifacts/daily/{day}.json").read_text())
    assert log["steps"][-1]["step"] == "score_proxy"
    command = [str(workspaces.BIN / "churn"), "job", "drift-check", "--json"]
    checked = subprocess.run(command, cwd=portal, capture_output=True, text=True, check=False)
    status = json.loads((portal / "artifacts/monitoring/drift_latest.json").read_text())
    assert status["as_of_date"] == str(day)
    assert checked.returncode == {"OK": 0, "FAIL": 2, "WARN": 3}[status["status"]]
    nobody = workspaces.run(portal, "churn", "job", "high-drift-alert", code=10)
    assert "nobody would be told" in nobody.stderr
    due = workspaces.run(portal, "churn", "job", "drift-auto-retrain", "--json").stdout
    assert json.loads(due)["summary"]["facts"]["action"] == "nothing"
