"""Commands that watch; the exit code of `churn drift-check` is a verdict."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.errors import BundleError, ContractError, PublishError
from churn_mlops.loop.lock import HELD_BY, lock_path, workspace_lock
from churn_mlops.monitoring import drift
from churn_mlops.params import Params
from churn_mlops.summary import Summary
from tests.monitored import write_all
from tests.watched import day, score, watched

invoke = CliRunner().invoke


@pytest.mark.parametrize(("status", "code"), [("OK", 0), ("FAIL", 2), ("WARN", 3)])
def test_the_exit_code_is_the_verdict(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, status: str, code: int
) -> None:
    (workspace / "params.yaml").write_text("")

    def run(params: Params, as_of_date: object) -> Summary:
        facts = {"status": status, "as_of_date": str(as_of_date)}
        return Summary("drift_check", {"users": 7}, [], facts, [f"{status}: headline"])

    monkeypatch.setattr(drift, "run", run)
    result = invoke(app, ["drift-check", "--as-of-date", "2025-04-30"])
    assert result.exit_code == code
    assert result.stdout.splitlines()[0] == f"{status}: headline"
    told = invoke(app, ["drift-check", "--json"])
    assert told.exit_code == code
    assert json.loads(told.stdout)["facts"]["status"] == status


@pytest.mark.parametrize("options", [["--bogus"], ["--as-of-date", "yesterday"]])
def test_a_typing_error_is_no_verdict(workspace: Path, options: list[str]) -> None:
    assert invoke(app, ["drift-check", *options]).exit_code == 1


def test_an_error_is_no_verdict(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    result = invoke(app, ["drift-check"])
    assert isinstance(result.exception, BundleError)
    assert result.exception.exit_code == 1


def test_the_exit_code_that_is_published_is_the_one_that_it_left_with(workspace: Path) -> None:
    parameters(workspace, textfile=".")
    assert invoke(app, ["drift-check"]).exception.exit_code == 1  # type: ignore[union-attr]
    text = (workspace / "churn_stage_drift_check.prom").read_text()
    assert 'churn_stage_exit_code{stage="drift_check"} 1.0' in text
    assert "last_success" not in text


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("commands")
    params = watched(folder)
    score(params, [70, 80])
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(params.model_dump(mode="json")))
    return str(path)


def test_score_proxy_and_performance_print_one_object(file: str) -> None:
    proxy = json.loads(invoke(app, ["score-proxy", "--params", file, "--json"]).stdout)
    assert proxy["facts"]["as_of_date"] == day(80).isoformat()
    found = json.loads(invoke(app, ["performance", "--params", file, "--json"]).stdout)
    assert found["rows"] == {"batches": 2, "graded": 2}
    assert found["facts"]["status"] == "OK"
    assert all(Path(path).exists() for path in (*proxy["outputs"], *found["outputs"]))


def test_performance_speaks_to_people(file: str) -> None:
    text = invoke(app, ["performance", "--params", file]).stdout
    assert "performance: batches 2, graded 2" in text
    assert "pr_auc promises kept" in text


@pytest.mark.parametrize("command", ["score-proxy", "performance"])
def test_without_predictions_it_is_an_error_with_a_way(workspace: Path, command: str) -> None:
    (workspace / "params.yaml").write_text("")
    result = invoke(app, [command])
    assert isinstance(result.exception, ContractError)
    assert "dvc repro batch_score" in str(result.exception)


def parameters(folder: Path, **publish: str) -> None:
    tree = {"monitoring": {"publish": publish}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))


def test_it_says_how_many_values_went_where(workspace: Path) -> None:
    parameters(workspace, textfile=".")
    write_all(Params())
    body = json.loads(invoke(app, ["publish", "--json"]).stdout)
    assert body["rows"]["values"] > 40
    assert body["outputs"] == ["churn_state.prom"]
    text = invoke(app, ["publish"]).stdout
    assert "wrote churn_state.prom" in text


def test_without_a_target_it_is_error_21(workspace: Path) -> None:
    parameters(workspace)
    result = invoke(app, ["publish"])
    assert isinstance(result.exception, PublishError)
    assert result.exception.exit_code == 21
    assert "set monitoring.publish.pushgateway" in (result.exception.fix or "")


def test_a_gateway_that_is_away_is_a_message_and_a_code(workspace: Path) -> None:
    parameters(workspace, pushgateway="http://127.0.0.1:1")
    done = subprocess.run(
        [sys.executable, "-c", "from churn_mlops.cli import main; main()", "publish"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (21, "")
    assert done.stderr.startswith("error: the Pushgateway at http://127.0.0.1:1 did not take")
    assert "\n  fix: " in done.stderr


def test_without_the_package_it_says_what_to_install(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters(workspace, textfile=".")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    result = invoke(app, ["publish"])
    assert isinstance(result.exception, PublishError)
    assert "pip install" in (result.exception.fix or "")


def test_a_check_in_a_busy_workspace_is_no_verdict(workspace: Path) -> None:
    tree = {"monitoring": {"publish": {"textfile": "."}}}
    (workspace / "params.yaml").write_text(yaml.safe_dump(tree))
    program = [sys.executable, "-c", "from churn_mlops.cli import main; main()"]
    known = {name: value for name, value in os.environ.items() if name != HELD_BY}
    with workspace_lock(Params(), "churn daily"):
        done = subprocess.run(
            [*program, "drift-check"], capture_output=True, text=True, timeout=60, env=known
        )
    assert done.returncode == 1
    assert "churn daily (process" in done.stderr
    told = (workspace / "churn_stage_drift_check.prom").read_text()
    assert 'exit_code{stage="drift_check"} 1.0' in told


def test_a_dry_run_needs_no_lock(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    invoke(app, ["retrain", "--dry-run"])
    assert not lock_path(Params()).exists()


# The command as it is; that there is a reason to train is taken for granted.
TRAINS = """
from churn_mlops.cli import main
from churn_mlops.monitoring import repro, retrain
retrain.run = lambda *_, **__: repro.repro("promote_model")
main()
"""
STAGE = "stages: {promote_model: {cmd: 'echo $$ > pid; sleep 600'}}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_an_ended_retrain_leaves_nothing_at_work(
    workspace: Path, number: signal.Signals, code: int
) -> None:
    (workspace / "params.yaml").write_text("")
    (workspace / "dvc.yaml").write_text(STAGE)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    with subprocess.Popen(
        [sys.executable, "-c", TRAINS, "retrain"], stderr=subprocess.DEVNULL
    ) as process:
        while not ((workspace / "pid").exists() and (workspace / "pid").read_text()):
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(60) == code
    # Whoever comes next gets in, if need be after what was killed has gone.
    with workspace_lock(Params(), "next"):
        words = Path("/proc", (workspace / "pid").read_text().strip(), "cmdline")
        assert not words.exists() or words.read_bytes() == b""
