"""`churn simulate` with everything real: a few days, broken off in the middle and gone on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.test_report_in_browser import measured
from tests.workspaces import ROOT

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, "-c", "from churn_mlops.cli import main; main()", "simulate"]
OPTIONS = ["--scenario", "calm", "--users", "500", "--seed", "3", "--json"]


def simulate(folder: Path, days: int) -> subprocess.Popen[str]:
    command = [*COMMAND, *OPTIONS, "--days", str(days), "--into", str(folder)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "CHURN__"))}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def lines(folder: Path) -> list[dict[str, object]]:
    path = folder / "diary.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


@pytest.fixture(scope="module")
def lapse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulate") / "lapse"
    broken = simulate(folder, 4)
    deadline = time.monotonic() + 600
    while len(lines(folder)) < 2 and broken.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    os.killpg(broken.pid, signal.SIGKILL)
    broken.communicate()
    before = lines(folder)
    assert 2 <= len(before) < 4
    with (folder / "diary.jsonl").open("a") as file:
        file.write('{"day": "2025-05-0')
    done = simulate(folder, 4)
    out, err = done.communicate(timeout=900)
    assert done.returncode == 0, err
    assert json.loads(out)["rows"] == {"days": 4}
    known = {line["day"]: line for line in lines(folder)}
    for line in before:
        told = {k: v for k, v in known[line["day"]].items() if v is not None}
        assert {k: v for k, v in line.items() if v is not None}.items() <= told.items()
    return folder


def test_every_day_was_lived_through_once(lapse: Path) -> None:
    days = lines(lapse)
    assert [line["day"] for line in days] == [f"2025-05-0{n}" for n in range(1, 5)]
    for line in days:
        assert line["drift"] in ("OK", "WARN", "FAIL")
        assert line["validation"] == "ok"
        assert 0 < line["risk_mean"] < 0.5  # type: ignore[operator]
        assert 0 < line["churn_true"] < 0.5  # type: ignore[operator]
        assert line["oracle_pr_auc"] > 0.8  # type: ignore[operator]
        low, high = line["pr_auc_low"], line["pr_auc_high"]
        assert low <= line["pr_auc_estimated"] <= high  # type: ignore[operator]


def test_the_api_answered_every_request_with_the_champion(lapse: Path) -> None:
    body = json.loads((lapse / "summary.json").read_text())
    assert body["requests"] >= 20
    assert body["failed_requests"] == 0
    for line in lines(lapse):
        assert line["api"]["version"] == line["champion"]  # type: ignore[index]


def test_another_plan_is_refused(lapse: Path) -> None:
    command = [*COMMAND, "--scenario", "seconds", "--into", str(lapse)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 10
    assert "another time lapse" in done.stderr


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_of_the_page_sticks_out(lapse: Path, width: int) -> None:
    content, height, pictures, sections, fetched = measured(lapse / "index.html", width)
    assert content <= width
    assert height > 1_000
    assert pictures >= 2
    assert sections >= 4
    assert fetched <= 1, "the page itself, and nothing else"
