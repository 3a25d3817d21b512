"""A portal changes for good; `churn retrain` waits, is killed, and trains, with DVC and MLflow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_mlops.data.checks import RETRAIN_CHECKS
from tests import workspaces
from tests.workspaces import BIN, run

pytestmark = pytest.mark.slow

START = date(2025, 1, 1)
BEFORE, CHANGED, SEEN, LATER = 85, 90, 99, 132
OVER: dict[str, Any] = {
    "tables": {"format": "parquet"},
    "data": {"synthetic": {"users": 500, "days": BEFORE}},
    "churn": {"window_days": 7, "active_within_days": 14},
    "training": {"candidate": {"max_rounds": 40}},
    "promotion": {"resamples": 200, "min_rows": 50, "min_users": 20, "max_slice_drop": 1.0},
    "monitoring": {"retrain": {"drift_fails": 2, "drift_checks": 3, "cooldown_days": 14}},
}


def day(n: int) -> date:
    """The n-th day of the portal, from 1."""
    return START + timedelta(days=n - 1)


def grow(folder: Path, days: int) -> None:
    """Let the portal go on: everybody is less active from a day on."""
    path = folder / "params.yaml"
    tree = yaml.safe_load(path.read_text())
    shift = {"kind": "engagement_shift", "start": day(CHANGED).isoformat(), "strength": 0.25}
    tree["data"]["synthetic"] |= {"days": days, "drift": [shift]}
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    run(folder, "dvc", "repro", "build_features", "build_labels")


def check(folder: Path, *days: int) -> list[str]:
    """Check some days, and what the checks said."""
    for n in days:
        churn = [str(BIN / "churn"), "drift-check", "--as-of-date", day(n).isoformat()]
        subprocess.run(churn, cwd=folder, capture_output=True, check=False, timeout=300)
    reports = [folder / f"artifacts/monitoring/drift/{day(n)}.json" for n in days]
    return [json.loads(path.read_text())["status"] for path in reports]


def lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "artifacts/ledger.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def production(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "artifacts/production").iterdir()}


def retrain(folder: Path, *options: str, code: int = 0) -> dict[str, Any]:
    told = run(folder, "churn", "retrain", "--json", *options, code=code).stdout
    facts: dict[str, Any] = json.loads(told)["facts"]
    return facts


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a champion of before the change, on a day some days after it."""
    folder = workspaces.make(tmp_path_factory.mktemp("retrain") / "portal", OVER)
    run(folder, "dvc", "repro", "promote_model")
    grow(folder, SEEN)
    return folder


def kill(folder: Path, mark: str) -> None:
    """Run `churn retrain` and kill it and all that it has started once its output has a mark."""
    output = folder / "retrain.out"
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    with (
        output.open("w") as file,
        subprocess.Popen(
            ["churn", "retrain"], cwd=folder, env=environment, stdout=file,
            stderr=subprocess.STDOUT, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        while mark not in output.read_text():
            assert process.poll() is None, output.read_text()
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_a_change_is_waited_for_killed_and_learned(changed: Path) -> None:
    champion = lines(changed)[-1]
    assert (champion["action"], champion["facts"]["as_of_date"]) == ("promoted", str(day(BEFORE)))

    # No check has failed: no reason, and no line.
    assert retrain(changed)["action"] == "nothing"
    assert len(lines(changed)) == 1

    assert check(changed, SEEN - 2, SEEN - 1, SEEN) == ["FAIL"] * 3
    told = retrain(changed, "--dry-run", code=4)
    assert len(lines(changed)) == 1, "a dry run notes nothing"
    for _ in range(2):
        assert retrain(changed, code=4)["reason"] == told["reason"]
    assert [one["action"] for one in lines(changed)] == ["promoted", "retrain_waited"]
    blocked = [one["check"] for one in told["checks"] if not one["passed"]]
    assert "CHN506" in blocked
    assert "it can be learned from" in told["reason"]

    grow(changed, LATER)
    assert "FAIL" in check(changed, LATER - 1, LATER)
    before = production(changed)
    for mark in ("'build_training_set'", "'train_candidate'"):
        kill(changed, mark)
        assert production(changed) == before, "no half promotion"
        assert len(lines(changed)) == 2
    kill(changed, "'promote_model'")

    done = retrain(changed)
    assert done["trained"]["decision"] in ("promoted", "refused")
    actions = [one["action"] for one in lines(changed)]
    assert actions == ["promoted", "retrain_waited", done["trained"]["decision"], "retrained"]
    line = lines(changed)[-1]["facts"]
    assert line["as_of_date"] == str(day(LATER))
    assert line["evidence"]["triggers"][0]["kind"] == "drift"
    assert [one["check"] for one in line["evidence"]["checks"]] == [
        c.number for c in RETRAIN_CHECKS
    ]
    assert not (changed / "artifacts/monitoring/retrain_begun.json").exists()
    run(changed, "churn", "history", "--verify")
    told = run(changed, "churn", "history").stdout
    assert f"retrained         day {day(LATER)}: {done['trained']['decision']}" in told

    # The same day again: nothing more is trained.
    again = json.loads(run_any(changed, "churn", "retrain", "--json"))["facts"]
    assert again["action"] in ("nothing", "wait")
    assert "retrained" not in [one["action"] for one in lines(changed)[len(actions) :]]


def run_any(folder: Path, *command: str) -> str:
    """Run a program whose exit code is a verdict."""
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 4), done.stderr
    return done.stdout


def test_other_parameters_than_dvcs_are_refused(changed: Path) -> None:
    (changed / "other.yaml").write_text((changed / "params.yaml").read_text())
    done = run(changed, "churn", "retrain", "--params", "other.yaml", "--reason", "x", code=10)
    assert "a model is trained by DVC, which reads" in done.stderr


def test_a_stage_that_fails_is_named_and_changes_nothing(changed: Path) -> None:
    path = changed / "params.yaml"
    good = path.read_text()
    tree = yaml.safe_load(good)
    tree["tracking"]["uri"] = "http://127.0.0.1:9"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    count = len(lines(changed))
    done = run(changed, "churn", "retrain", "--reason", "x", code=24)
    assert "error: stage train_" in done.stderr
    assert "failed with exit code 15" in done.stderr
    assert len(lines(changed)) == count
    path.write_text(good)
