"""Runs tests against a copy of the code, in a process that is forked with its libraries loaded.

Importing numpy, Ibis, LightGBM and the rest takes longer than most of the tests.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

SECONDS = 600


def run_tests(source: Path, folder: Path, arguments: list[str]) -> tuple[int, str]:
    """Run pytest with the code below `source`; its exit code, and what it printed.

    Parameters
    ----------
    source : Path
        A copy of `src`.
    folder : Path
        For what the tests leave.
    arguments : list of str
        Of pytest.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.mutants.libraries"])
    output = folder / "output"
    process = context.Process(target=_run, args=(source, folder, output, arguments))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
    code = process.exitcode
    return -1 if code is None else code, output.read_text(errors="replace")


def _run(source: Path, folder: Path, output: Path, arguments: list[str]) -> None:
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        del os.environ[name]
    temporary = folder / "tmp"
    temporary.mkdir()
    os.environ |= {
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
        # For processes that the tests start.
        "PYTHONPATH": str(source),
        "TMPDIR": str(temporary),
    }
    tempfile.tempdir = None
    assert "churn_mlops" not in sys.modules
    sys.path.insert(0, str(source))
    import pytest

    code = pytest.main(arguments)
    sys.stdout.flush()
    sys.exit(int(code))
