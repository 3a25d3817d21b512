"""Runs `dvc repro` in the working directory and tells which stages ran.

A killed DVC leaves a note in .dvc/tmp/rwlock of the files it was at work on. The next DVC crosses
it out when no process has the number any more. But numbers come back, in a container nearly always,
and a note that was being written is left half: both would stop every later run, so both are mended
here. DVC's other locks are the kernel's and end with their process.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_mlops.errors import ParamsError, RetrainError
from churn_mlops.monitoring.leash import end, leash
from churn_mlops.params import Params, load
from churn_mlops.processes import is_alive

_RUNS = re.compile(r"Running stage '([^']+)'")
_FAILED = re.compile(r"failed to reproduce '([^']+)'.*?(?:exited with (-?\d+))?$")
_BUSY = ("Unable to acquire lock", "is busy, it is being blocked by")
# What is kept of the output for the message of a failure.
_LINES = 400


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Parameters
    ----------
    stages : tuple of str
        That ran; the others were up to date.
    """

    stages: tuple[str, ...]


def require_workspace(params: Params, params_file: str | Path) -> None:
    """Make sure that DVC reads the parameters that were decided by.

    Raises
    ------
    ParamsError
        They stand in another file than the working directory's ``params.yaml``, or the directory
        has no pipeline.
    """
    here = Path.cwd()
    if Path(params_file).resolve() != (here / "params.yaml").resolve():
        raise ParamsError(
            f"a model is trained by DVC, which reads {here / 'params.yaml'} and not {params_file}",
            fix="go to the workspace whose params.yaml is meant, and leave --params out",
        )
    if not (here / "dvc.yaml").exists() or not (here / ".dvc").is_dir():
        raise ParamsError(
            f"{here} is no workspace: it lacks dvc.yaml or .dvc",
            fix="go to the workspace (a clone of the repository) first",
        )
    if load(params_file) != params:
        raise ParamsError(
            f"{here / 'params.yaml'} says something else than the parameters that were decided by",
            fix="read the parameters from the file that DVC reads",
        )


def repro(stage: str) -> Outcome:
    """Run a stage and all that it needs; the output goes to standard error as it comes.

    Nothing of it outlives this process, and while it lives the workspace is locked: the lock's
    descriptor is the one that is inheritable, and is left open to it.

    Parameters
    ----------
    stage : str

    Raises
    ------
    RetrainError
        A stage failed, another DVC is at work, or DVC is not installed.
    """
    mend_locks(Path(".dvc") / "tmp")
    command = [sys.executable, "-m", "dvc", "repro", stage]
    # Stages are called by name: those of this environment come first.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    stages: list[str] = []
    kept: list[str] = []
    with (
        leash() as group,
        subprocess.Popen(  # noqa: S603
            command,
            env=os.environ | {"PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=group,
            close_fds=False,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            # Ends when the last process that DVC has started ends, also after DVC was killed.
            for line in process.stdout:
                sys.stderr.write(line)
                sys.stderr.flush()
                kept = [*kept[1 - _LINES :], line.rstrip()]
                if found := _RUNS.search(line):
                    stages.append(found[1])
        except BaseException:
            # Who ends us does not wait for a training to end.
            end(group)
            raise
    if process.returncode:
        raise _failure(stage, process.returncode, kept)
    return Outcome(tuple(stages))


def _failure(stage: str, code: int, lines: list[str]) -> RetrainError:
    if any(mark in line for line in lines for mark in _BUSY):
        who = next((line.strip() for line in lines if "(PID " in line), "")
        return RetrainError(
            f"another DVC is at work in this workspace{f': {who}' if who else ''}",
            fix="wait until it has finished and run `churn retrain` again",
        )
    if any("No module named dvc" in line for line in lines):
        return RetrainError(
            "DVC is not installed beside this Python", fix="pip install 'churn-mlops[train]'"
        )
    if code < 0:
        return RetrainError(
            f"`dvc repro {stage}` was ended by signal {-code}; the champion stays",
            fix="out of memory? See the system's log, then run `churn retrain` again: it goes on"
            " where this one ended",
        )
    failed = next((m for line in reversed(lines) if (m := _FAILED.search(line))), None)
    exited = next((m[1] for line in lines if (m := re.search(r"exited with (-?\d+)", line))), None)
    said = next((line for line in lines if line.startswith("error: ")), None)
    name = failed[1] if failed else stage
    words = f"stage {name} failed" + (f" with exit code {exited}" if exited else "")
    why = (
        f": {said.removeprefix('error: ')}" if said else f" (`dvc repro {stage}` ended with {code})"
    )
    return RetrainError(
        f"{words}{why}; the champion stays",
        fix="docs/cli.md explains exit codes, the output above says what to do; then run"
        " `churn retrain` again",
    )


def mend_locks(folder: Path) -> list[int]:
    """Cross out the notes of DVCs that are no more; the numbers of their processes.

    Parameters
    ----------
    folder : Path
        ``.dvc/tmp``.
    """
    path = folder / "rwlock"
    if not path.exists():
        return []
    with _guarded(folder / "rwlock.lock") as mine:
        if not mine:
            # Somebody is writing to it just now and so is alive.
            return []
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            write, read = dict(body.get("write", {})), dict(body.get("read", {}))
            dead = {pid for pid in _pids(write, read) if not _is_dvc(pid)}
        except (ValueError, KeyError, TypeError, AttributeError):
            path.unlink()
            return []
        if dead:
            kept = {
                "write": {k: one for k, one in write.items() if one["pid"] not in dead},
                "read": {
                    k: left
                    for k, them in read.items()
                    if (left := [one for one in them if one["pid"] not in dead])
                },
            }
            path.write_text(json.dumps(kept), encoding="utf-8")
        return sorted(dead)


def _pids(write: dict[str, Any], read: dict[str, Any]) -> set[int]:
    infos = [*write.values(), *(one for them in read.values() for one in them)]
    return {int(one["pid"]) for one in infos if one}


def _is_dvc(pid: int) -> bool:
    """Whether a process is there and is a DVC; one that cannot be looked at may be."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        # Without /proc its name is not to be had.
        return not Path("/proc/self").exists() and is_alive(pid)
    except OSError:
        return True
    return any(b"dvc" in word for word in words)


@contextmanager
def _guarded(path: Path) -> Iterator[bool]:
    """Hold the lock under which DVC edits its notes; whether it could be had."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(file)
