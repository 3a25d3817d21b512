from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from churn_mlops.errors import WorkspaceBusyError
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


def test_a_killed_holder_leaves_no_lock_behind(workspace: Path) -> None:
    other = holder(workspace)
    other.send_signal(signal.SIGKILL)
    other.wait()
    with workspace_lock(Params(), "churn retrain"):
        assert f'"pid": {os.getpid()}' in lock_path(Params()).read_text()
    assert lock_path(Params()).read_text() == ""


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
