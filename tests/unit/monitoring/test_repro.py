"""What a killed DVC leaves behind, and what is said of its failures."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_mlops.errors import ParamsError, RetrainError
from churn_mlops.monitoring.repro import mend_locks, repro, require_workspace
from churn_mlops.params import Params

PIPELINE = """
stages:
  one:
    cmd: "{}"
    outs: [out.txt]
"""


@pytest.fixture
def pipeline(workspace: Path) -> Path:
    """A workspace of DVC."""
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    return workspace


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is no DVC."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def note(folder: Path, pid: int, path: str = "/x/out.txt") -> Path:
    info = {"pid": pid, "cmd": "dvc repro"}
    lock = folder / "rwlock"
    lock.write_text(json.dumps({"write": {path: info}, "read": {"/x/in": [info]}}))
    return lock


def test_nothing_there_is_nothing_to_mend(tmp_path: Path) -> None:
    assert mend_locks(tmp_path) == []


def test_notes_of_processes_that_are_gone_or_others_are_crossed_out(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    for pid in (gone.pid, sleeper.pid):
        lock = note(tmp_path, pid)
        assert mend_locks(tmp_path) == [pid]
        assert json.loads(lock.read_text()) == {"write": {}, "read": {}}


def test_the_note_of_a_dvc_at_work_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)", "-m", "dvc", "repro"]
    with subprocess.Popen(command) as process:
        # A process that was only just forked does not say yet what it runs.
        while b"dvc" not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
            time.sleep(0.01)
        lock = note(tmp_path, process.pid)
        before = lock.read_text()
        assert mend_locks(tmp_path) == []
        assert lock.read_text() == before
        process.kill()


@pytest.mark.parametrize("body", ["", '{"write": {"/x": {"pi', "[]", '{"write": {"/x": 1}}'])
def test_half_a_note_is_removed(body: str, tmp_path: Path) -> None:
    lock = tmp_path / "rwlock"
    lock.write_text(body)
    assert mend_locks(tmp_path) == []
    assert not lock.exists()


def test_a_note_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    lock = tmp_path / "rwlock"
    lock.write_text("{")
    with (tmp_path / "rwlock.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert mend_locks(tmp_path) == []
    assert lock.exists()


def test_other_parameters_than_dvcs_are_refused(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("{}")
    (workspace / "other.yaml").write_text("{}")
    with pytest.raises(ParamsError, match="trained by DVC, which reads"):
        require_workspace(Params(), "other.yaml")
    with pytest.raises(ParamsError, match=r"no workspace: it lacks dvc.yaml or \.dvc"):
        require_workspace(Params(), "params.yaml")
    (workspace / ".dvc").mkdir()
    (workspace / "dvc.yaml").write_text("{}")
    require_workspace(Params(), "params.yaml")
    require_workspace(Params(), workspace / "params.yaml")
    other = Params.model_validate({"churn": {"window_days": 8}})
    with pytest.raises(ParamsError, match="says something else"):
        require_workspace(other, "params.yaml")


@pytest.mark.slow
def test_the_stages_that_ran_are_told_and_then_none(
    pipeline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pipeline / "dvc.yaml").write_text(PIPELINE.format("echo made > out.txt"))
    assert repro("one").stages == ("one",)
    assert "Running stage 'one'" in capsys.readouterr().err
    assert repro("one").stages == ()


@pytest.mark.slow
def test_a_note_of_a_number_that_came_back_does_not_stop_it(
    pipeline: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    (pipeline / "dvc.yaml").write_text(PIPELINE.format("echo made > out.txt"))
    (pipeline / ".dvc/tmp").mkdir(exist_ok=True)
    note(pipeline / ".dvc/tmp", sleeper.pid, str(pipeline / "out.txt"))
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "one"], capture_output=True, text=True
    )
    assert "is busy" in done.stdout + done.stderr, "DVC mends it itself by now: so need we not"
    assert repro("one").stages == ("one",)


@pytest.mark.slow
def test_a_failing_stage_is_named_with_its_code_and_message(pipeline: Path) -> None:
    (pipeline / "dvc.yaml").write_text(PIPELINE.format("echo 'error: no rows' >&2; exit 14"))
    with pytest.raises(RetrainError, match="stage one failed with exit code 14: no rows") as caught:
        repro("one")
    assert "the champion stays" in str(caught.value)


@pytest.mark.slow
def test_a_dvc_that_was_killed_says_so(pipeline: Path) -> None:
    (pipeline / "dvc.yaml").write_text(PIPELINE.format("kill -9 $(ps -o ppid= -p $$)"))
    with pytest.raises(RetrainError, match="was ended by signal 9"):
        repro("one")


@pytest.mark.slow
def test_another_dvc_at_work_is_named(pipeline: Path) -> None:
    (pipeline / "dvc.yaml").write_text(PIPELINE.format("touch began; sleep 60"))
    command = [sys.executable, "-m", "dvc", "repro", "one"]
    with subprocess.Popen(command, start_new_session=True) as process:
        while not (pipeline / "began").exists():
            assert process.poll() is None
        with pytest.raises(RetrainError, match=rf"another DVC is at work.*PID {process.pid}"):
            repro("one")
        os.killpg(process.pid, 9)


@pytest.mark.slow
def test_nobody_waits_for_a_stage_when_it_is_ended(pipeline: Path) -> None:
    (pipeline / "dvc.yaml").write_text(PIPELINE.format("touch began; sleep 600; touch out.txt"))

    def stop(number: int, frame: object) -> None:
        raise SystemExit(143)

    def ask() -> None:
        while not (pipeline / "began").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    asking = threading.Thread(target=ask)
    try:
        asking.start()
        with pytest.raises(SystemExit):
            repro("one")
    finally:
        asking.join()
        signal.signal(signal.SIGTERM, before)
    assert not (pipeline / "out.txt").exists()
