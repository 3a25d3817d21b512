"""Plants faults in a copy of the code; the tests named beside each fault must notice it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import ANY_FAILURE
from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.forked import run_tests
from tests.workspaces import ROOT

OPTIONS = ["-x", "-p", "no:cacheprovider", "-p", "no:xdist", f"--hypothesis-profile={ANY_FAILURE}"]


def link(source: str, target: str) -> str:
    """Link a file where both places are on one disk, and copy it elsewhere."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def survives(mutant: Mutant, folder: Path) -> str | None:
    """Run the tests against the mutated copy; return their output when they do not notice."""
    # Compiled modules are linked too: all but one are as they were.
    shutil.copytree(ROOT / "src", folder / "src", copy_function=link)
    path = folder / "src" / "churn_mlops" / mutant.module
    text = path.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.module} holds {mutant.old!r} not exactly once"
    path.unlink()
    path.write_text(text.replace(mutant.old, mutant.new))
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink()
    code, output = run_tests(folder / "src", folder, [*OPTIONS, *mutant.tests.split()])
    killed = code == 1 and " failed" in output
    return None if killed else f"exit code {code}\n{output[-4000:]}"


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_noticed(name: str, tmp_path: Path) -> None:
    said = survives(MUTANTS[name], tmp_path)
    shutil.rmtree(tmp_path)
    assert said is None, f"'{name}' survives:\n{said}"
