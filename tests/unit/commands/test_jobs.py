"""`churn job NAME` as a scheduler sees it: output, exit codes, metrics."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.errors import ContractError, QuarantineError, TrackingError, WorkspaceBusyError
from churn_mlops.loop import daily
from churn_mlops.loop.job_table import JOBS
from churn_mlops.loop.lock import HELD_BY, workspace_lock
from churn_mlops.loop.terminated import TERMINATED
from churn_mlops.monitoring import drift, retrain
from churn_mlops.params import Params
from churn_mlops.registry.champion import production_folder
from churn_mlops.summary import Summary
from tests.monitored import write_all, write_file
from tests.receiver import Answer, receiver

invoke = CliRunner().invoke
PROGRAM = [sys.executable, "-c", "from churn_mlops.cli import main; main()", "job"]
FAIL = {"status": "FAIL", "headline": "FAIL: logins_7d moved"}


def parameters(folder: Path, **alert: Any) -> Params:
    tree = {
        "jobs": {"tries": 3, "backoff_seconds": 0.0},
        "monitoring": {
            "alert": {"tries": 2, "backoff_seconds": 0.0, **alert},
            "publish": {"textfile": "."},
        },
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))
    params = Params.model_validate(tree)
    write_all(params)
    production_folder(params).mkdir(parents=True, exist_ok=True)
    return params


def churn(*arguments: str, code: int, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if name != HELD_BY}
    done = subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=60, env=known | environment
    )
    assert done.returncode == code, done.stderr
    return done


def metrics(stage: str) -> str:
    return Path(f"churn_stage_{stage}.prom").read_text()


@pytest.mark.parametrize("name", [job.name for job in JOBS])
def test_every_job_teaches_and_speaks_json(name: str) -> None:
    text = invoke(app, ["job", name, "--help"]).stdout
    assert "--json" in text
    assert "xit code" in text


@pytest.mark.slow
def test_a_message_is_delivered_once(workspace: Path) -> None:
    with receiver() as hook:
        params = parameters(workspace, webhook=hook.url)
        write_file(params, "drift", FAIL)
        told = json.loads(churn("high-drift-alert", "--json", code=0).stdout)
        assert (told["attempts"], told["exit_code"], told["error"]) == (1, 0, None)
        assert told["summary"]["facts"]["channels"] == ["webhook"]
        assert "told before" in churn("high-drift-alert", code=0).stdout
        assert len(hook.requests) == 1
        churn("high-drift-alert", "--again", code=0)
        churn("high-drift-alert", "--test", code=0)
    assert len(hook.requests) == 3
    assert 'churn_stage_last_success_timestamp_seconds{stage="job_high_drift_alert"}' in metrics(
        "job_high_drift_alert"
    )


def test_nothing_to_tell_is_code_0(workspace: Path) -> None:
    with receiver() as hook:
        parameters(workspace, webhook=hook.url)
        done = churn("high-drift-alert", code=0)
    assert done.stdout.startswith("nothing to tell: the check of 2025-04-30 says WARN\n")
    assert hook.requests == []


def test_no_channel_is_code_10(workspace: Path) -> None:
    parameters(workspace)
    done = churn("high-drift-alert", "--json", code=10)
    assert json.loads(done.stdout)["error"]["type"] == "ParamsError"
    assert "nobody would be told" in done.stderr
    assert 'exit_code{stage="job_high_drift_alert"} 10.0' in metrics("job_high_drift_alert")


def test_not_delivered_is_code_23_and_shows_no_secret(workspace: Path) -> None:
    with receiver(Answer(500, b"down")) as slack:
        params = parameters(workspace)
        write_file(params, "drift", FAIL)
        url = f"{slack.url}/services/T0001/B0002/abcDEF123456"
        done = churn("high-drift-alert", "--json", code=23, CHURN__MONITORING__ALERT__SLACK=url)
    assert len(slack.requests) == 2  # the channel's tries, not the job's on top
    assert json.loads(done.stdout)["attempts"] == 1
    assert "slack: " in done.stderr
    assert "abcDEF" not in done.stderr + done.stdout
    assert "last_success" not in metrics("job_high_drift_alert")


def test_a_damaged_check_is_code_12_and_told(workspace: Path) -> None:
    with receiver() as hook:
        params = parameters(workspace, webhook=hook.url)
        write_file(params, "drift").write_text('{"status": "FA')
        done = churn("high-drift-alert", code=12)
    assert "is damaged" in done.stderr
    assert "is damaged" in hook.bodies[0]["text"]


@pytest.mark.slow
@pytest.mark.parametrize("value", ["ftp://x/secret", "https://a b/secret", "secret"])
def test_an_address_that_is_none_is_not_shown(workspace: Path, value: str) -> None:
    parameters(workspace)
    done = churn("high-drift-alert", code=10, CHURN__MONITORING__ALERT__SLACK=value)
    assert "monitoring.alert.slack: this is no address" in done.stderr
    assert "secret" not in done.stderr


def test_batch_score_says_which_days(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters(workspace)

    def run(params: Params, as_of: object, until: str) -> Summary:
        return Summary("daily", {"predictions": 5}, [], {"as_of_date": str(as_of), "until": until})

    monkeypatch.setattr(daily, "run", run)
    done = invoke(app, ["job", "batch-score", "--as-of", "2025-05-01", "--json"])
    assert done.exit_code == 0
    body = json.loads(done.stdout.splitlines()[-1])
    assert body["summary"]["facts"] == {"as_of_date": "2025-05-01", "until": "score_proxy"}
    assert 'churn_stage_rows{stage="job_batch_score",table="predictions"} 5.0' in metrics(
        "job_batch_score"
    )


def test_a_day_that_is_refused_is_not_tried_again(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters(workspace)
    calls: list[int] = []

    def run(*_: object) -> Summary:
        calls.append(1)
        raise QuarantineError("too many")

    monkeypatch.setattr(daily, "run", run)
    done = invoke(app, ["job", "batch-score"])
    assert isinstance(done.exception, QuarantineError)
    assert calls == [1]
    assert 'exit_code{stage="job_batch_score"} 13.0' in metrics("job_batch_score")


@pytest.mark.parametrize(("status", "code"), [("OK", 0), ("FAIL", 2), ("WARN", 3)])
def test_the_code_of_a_drift_check_is_the_verdict(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, status: str, code: int
) -> None:
    parameters(workspace)
    told = Summary("drift_check", {"users": 7}, [], {"status": status}, [f"{status}: headline"])
    monkeypatch.setattr(drift, "run", lambda params: told)
    done = invoke(app, ["job", "drift-check"])
    assert done.exit_code == code
    assert f"{status}: headline" in done.stdout
    for stage in ("drift_check", "job_drift_check"):
        assert f'exit_code{{stage="{stage}"}} {code}.0' in metrics(stage)
        assert "last_success" in metrics(stage)
    assert invoke(app, ["job", "drift-check", "--exit-zero"]).exit_code == 0
    assert f'exit_code{{stage="job_drift_check"}} {code}.0' in metrics("job_drift_check")


@pytest.mark.parametrize(
    ("error", "attempts"), [(ContractError("none"), 1), (WorkspaceBusyError("busy"), 3)]
)
def test_an_error_of_a_drift_check_is_code_1(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, attempts: int
) -> None:
    parameters(workspace)

    def run(params: Params) -> Summary:
        raise error

    monkeypatch.setattr(drift, "run", run)
    done = invoke(app, ["job", "drift-check", "--json"])
    body = json.loads(next(line for line in done.stdout.splitlines() if line.startswith('{"job"')))
    assert (body["exit_code"], body["attempts"]) == (1, attempts)
    assert getattr(done.exception, "exit_code", None) == 1
    assert 'exit_code{stage="job_drift_check"} 1.0' in metrics("job_drift_check")


def test_a_typing_error_of_a_drift_check_is_code_1(workspace: Path) -> None:
    churn("drift-check", "--bogus", code=1)
    churn("drift-check", code=1)
    churn("batch-score", "--bogus", code=2)
    churn("no-such-job", code=2)


@pytest.mark.parametrize("name", ["drift-auto-retrain", "weekly-retrain"])
@pytest.mark.parametrize(("action", "code"), [("nothing", 0), ("retrain", 0), ("wait", 4)])
def test_training_that_waits_is_code_4_and_no_failure(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, name: str, action: str, code: int
) -> None:
    parameters(workspace)
    schedules: list[bool] = []

    def run(params: Params, file: str, *, reason: str | None, schedule: bool) -> Summary:
        schedules.append(schedule)
        return Summary("retrain", facts={"action": action})

    monkeypatch.setattr(retrain, "run", run)
    assert invoke(app, ["job", name]).exit_code == code
    assert schedules == [name == "weekly-retrain"]
    assert invoke(app, ["job", name, "--exit-zero"]).exit_code == 0
    assert "last_success" in metrics(f"job_{name.replace('-', '_')}")


def test_a_job_lays_its_project_out_and_has_its_parameters(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, own = tmp_path / "project", tmp_path / "own"
    for name in ("src", "scripts", ".dvc"):
        (project / name).mkdir(parents=True)
    own.mkdir()
    for name in ("dvc.yaml", ".dvc/config", "params.yaml"):
        (project / name).write_text("")
    (own / "params.yaml").write_text("training: {seed: 8}\n")
    seen: list[tuple[int, str]] = []

    def run(params: Params, file: str, **_: object) -> Summary:
        assert Path("dvc.yaml").exists()
        seen.append((params.training.seed, file))
        return Summary("retrain", facts={"action": "nothing"})

    monkeypatch.setattr(retrain, "run", run)
    where = ["--project", str(project), "--project", str(own)]
    done = invoke(app, ["job", "drift-auto-retrain", *where])
    assert done.exit_code == 0, done.output
    assert seen == [(8, "params.yaml")]
    assert Path("params.yaml").read_text() == "training: {seed: 8}\n"


def test_errors_keep_their_codes_with_exit_zero(workspace: Path) -> None:
    parameters(workspace)
    done = invoke(app, ["job", "drift-check", "--exit-zero"])
    assert getattr(done.exception, "exit_code", None) == 1


def test_training_without_mlflow_is_tried_again(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters(workspace)
    calls: list[int] = []

    def run(*_: object, **__: object) -> Summary:
        calls.append(1)
        if len(calls) < 3:
            raise TrackingError("away")
        return Summary("retrain", facts={"action": "nothing"})

    monkeypatch.setattr(retrain, "run", run)
    assert invoke(app, ["job", "weekly-retrain"]).exit_code == 0
    assert len(calls) == 3


def test_a_busy_workspace_is_waited_for_and_named(workspace: Path) -> None:
    params = parameters(workspace)
    with workspace_lock(params, "somebody else"):
        done = churn("weekly-retrain", code=22)
    assert done.stderr.count("job begins") == 3
    assert "somebody else" in done.stderr


def test_sigterm_ends_a_wait_at_once(workspace: Path) -> None:
    params = parameters(workspace)
    known = {name: value for name, value in os.environ.items() if name != HELD_BY}
    with workspace_lock(params, "somebody else"):
        process = subprocess.Popen(
            [*PROGRAM, "weekly-retrain"],
            stderr=subprocess.PIPE,
            text=True,
            env=known | {"CHURN__JOBS__BACKOFF_SECONDS": "3000"},
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "it is tried again" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(30) == TERMINATED == 143
    assert not Path("churn_stage_job_weekly_retrain.prom").exists()
