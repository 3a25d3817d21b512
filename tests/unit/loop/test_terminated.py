from __future__ import annotations

import os
import signal

import pytest

from churn_mlops.loop.terminated import TERMINATED, ended_by_sigterm


def test_sigterm_leaves_at_once_and_is_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def waits() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    with pytest.raises(SystemExit) as left, ended_by_sigterm():
        waits()
    assert left.value.code == TERMINATED == 143
    assert signal.getsignal(signal.SIGTERM) is before
