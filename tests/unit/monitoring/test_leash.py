"""Processes that end with the one that has started them."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

from churn_mlops.monitoring.leash import leash

# The child of the child has the output, which ends with the last that has it.
PARENT = textwrap.dedent(
    """
    import signal, subprocess
    from churn_mlops.monitoring.leash import leash
    # Who was started in the background by a shell ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with leash() as group:
        subprocess.Popen(["sh", "-c", "sleep 600 & echo began; wait"], process_group=group).wait()
    """
)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_they_end_with_a_process_that_is_ended(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "began\n"
        parent.send_signal(number)
        assert parent.communicate(timeout=60)[0] == ""
    assert parent.returncode == -number


def test_they_end_with_the_work() -> None:
    with leash() as group:
        child = subprocess.Popen(["sleep", "600"], process_group=group)
    assert child.wait(60) == -signal.SIGKILL
