"""Processes that do not outlive this one, however it ends.

A small shell leads their group and waits for the end of a pipe whose other end only this process
has: the kernel closes that also for a process that was killed, and the shell then kills the group.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_WATCH = "read _; kill -KILL 0"


@contextmanager
def leash() -> Iterator[int]:
    """A group of processes that is killed at the end, or when this process ends.

    Returns
    -------
    int
        The number of the group: ``process_group`` of `subprocess.Popen`.
    """
    theirs, ours = os.pipe()
    try:
        # As what it watches over, it has the workspace's lock: see `repro`.
        watch = subprocess.Popen(  # noqa: S603 (nothing of it comes from outside)
            ["/bin/sh", "-c", _WATCH],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            process_group=0,
            close_fds=False,
        )
        try:
            yield watch.pid
        finally:
            end(watch.pid)
            watch.wait()
    finally:
        os.close(theirs)
        os.close(ours)


def end(group: int) -> None:
    """Kill a group of processes."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
