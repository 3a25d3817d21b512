from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_mlops.errors import ChurnError, WorkspaceBusyError
from churn_mlops.loop import lock
from churn_mlops.loop.lock import HELD_BY, lock_path, workspace_lock
from churn_mlops.params import Params

HOLD = textwrap.dedent(
    """
    import sys, time
    from churn_mlops.loop.lock import workspace_lock
    from churn_mlops.params import Params
    with workspace_lock(Params(), "churn daily"):
        print("held", flush=True)
        time.sleep(600)
    """
)

# Hands the lock on to a child, tells its number, and waits for it.
PARENT = textwrap.dedent(
    """
    import subprocess
    from churn_mlops.loop.lock import workspace_lock
    from churn_mlops.params import Params
    with workspace_lock(Params(), "churn retrain"):
        child = subprocess.Popen(["sleep", "600"], close_fds=False, stdout=subprocess.DEVNULL)
        print(child.pid, flush=True)
        child.wait()
    """
)


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock of a workspace."""
    started = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "held\n"
    return started


def test_two_processes_do_not_work_in_one_workspace(workspace: Path) -> None:
    other = holder(workspace)
    try:
        words = f"churn daily .process {other.pid}."
        with (
            pytest.raises(WorkspaceBusyError, match=words),
            workspace_lock(Params(), "churn retrain"),
        ):
            pytest.fail("both are in")
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()


@pytest.fixture
def held(workspace: Path) -> Iterator[Path]:
    """The file of a lock that is held by another open file; it tells of no holder yet."""
    path = lock_path(Params())
    path.parent.mkdir(parents=True)
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        yield path


def refused_at_once(monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said of a held lock, without any wait."""

    def no_wait(seconds: float) -> None:
        pytest.fail("it is waited for")

    monkeypatch.setattr(lock.time, "sleep", no_wait)
    with pytest.raises(WorkspaceBusyError) as caught, workspace_lock(Params(), "mine"):
        pytest.fail("both are in")
    return caught.value.message


def test_a_holder_that_is_alive_is_not_waited_for(
    held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = "2025-01-31T12:00:00+00:00"
    held.write_text(json.dumps({"pid": os.getpid(), "what": "churn daily", "since": since}))
    words = f"churn daily (process {os.getpid()}) is at work since {since}"
    assert refused_at_once(monkeypatch) == f"{held} is held: {words}"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": null}', '{"pid": 4194305}'])
def test_a_holder_that_has_not_told_of_itself_yet_is_not_waited_for(
    held: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held.write_text(text)
    said = refused_at_once(monkeypatch)
    assert said == f"{held} is held: another process has just begun"


def test_a_killed_holder_leaves_no_lock_behind(workspace: Path) -> None:
    other = holder(workspace)
    other.send_signal(signal.SIGKILL)
    other.wait()
    with workspace_lock(Params(), "churn retrain"):
        assert f'"pid": {os.getpid()}' in lock_path(Params()).read_text()
    assert lock_path(Params()).read_text() == ""


def test_nothing_stays_of_what_a_killed_holder_told_of_itself(workspace: Path) -> None:
    path = lock_path(Params())
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"pid": 4194305, "what": "churn " * 100, "since": "2025-01-31"}))
    with workspace_lock(Params(), "mine"):
        assert json.loads(path.read_text())["what"] == "mine"


def test_what_the_holder_starts_may_work_as_well(workspace: Path) -> None:
    code = HOLD.replace("time.sleep(600)", "pass")
    with workspace_lock(Params(), "churn retrain"):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout == "held\n"
        with workspace_lock(Params(), "a step of it"):
            assert HELD_BY in os.environ
    assert HELD_BY not in os.environ


def test_the_lock_of_one_workspace_opens_no_other(
    workspace: Path, make_params: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "other").mkdir()
    other = holder(workspace / "other")
    try:
        with workspace_lock(Params(), "churn retrain"):
            monkeypatch.chdir(workspace / "other")
            with pytest.raises(WorkspaceBusyError), workspace_lock(Params(), "churn daily"):
                pytest.fail("both are in")
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()


def killed_parent(folder: Path) -> tuple[int, int]:
    """The numbers of a holder that was killed and of its child that goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    return parent.pid, child


def test_a_child_that_was_given_the_lock_holds_it_after_its_killed_parent(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "ORPHANS_SECONDS", 0.2)
    parent, child = killed_parent(workspace)
    try:
        words = rf"churn retrain .process {parent}.*it was killed, what it had started has not"
        with pytest.raises(WorkspaceBusyError, match=words), workspace_lock(Params(), "mine"):
            pytest.fail("both are in")
    finally:
        os.kill(child, signal.SIGKILL)


def test_what_a_killed_holder_had_started_is_waited_for(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, child = killed_parent(workspace)
    end = threading.Timer(0.3, os.kill, (child, signal.SIGKILL))
    end.start()
    with workspace_lock(Params(), "mine"):
        assert '"what": "mine"' in lock_path(Params()).read_text()
    end.join()
    told = capsys.readouterr()
    assert (told.out + told.err).count("waiting for the workspace") == 1


def test_the_end_of_the_work_is_the_end_of_the_lock_for_a_child_too(workspace: Path) -> None:
    with workspace_lock(Params(), "mine"):
        child = subprocess.Popen(["sleep", "600"], close_fds=False)
    with child, workspace_lock(Params(), "again"):
        assert child.poll() is None
        child.kill()


def test_a_mark_without_a_holder_opens_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an environment that was kept: the lock is taken like any other."""
    monkeypatch.setenv(HELD_BY, str(lock_path(Params()).absolute()))
    with workspace_lock(Params(), "mine"):
        assert '"what": "mine"' in lock_path(Params()).read_text()


def test_a_lock_that_cannot_be_opened_is_told(workspace: Path) -> None:
    lock_path(Params()).mkdir(parents=True)
    with pytest.raises(ChurnError, match="cannot be locked"), workspace_lock(Params(), "mine"):
        pytest.fail("it is in")
