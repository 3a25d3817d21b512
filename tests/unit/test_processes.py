"""Who is alive and who has ended."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from churn_mlops.processes import is_alive


def test_a_process_is_alive_until_it_ends() -> None:
    assert is_alive(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_alive(child.pid)
    child.communicate(b"\n")
    assert not is_alive(child.pid)


def test_one_that_nobody_has_fetched_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(child.pid)
    child.communicate()


@pytest.mark.parametrize("error", [PermissionError(1, "Operation not permitted"), OSError(5, "x")])
def test_one_that_cannot_be_looked_at_may_be_alive(
    error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(pid: int, signal: int) -> None:
        raise error

    monkeypatch.setattr(os, "kill", refused)
    assert is_alive(os.getpid())
