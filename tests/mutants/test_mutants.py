"""Plants faults in a copy of the code; the tests named beside each fault must notice it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ANY_FAILURE
from tests.mutants.catalogue import MUTANTS, Mutant

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def survives(mutant: Mutant, folder: Path) -> str | None:
    """Run the tests against the mutated copy; return their output when they do not notice."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "src" / "churn_mlops" / mutant.module
    text = path.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.module} holds {mutant.old!r} not exactly once"
    path.write_text(text.replace(mutant.old, mutant.new))
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider"]
    command.append(f"--hypothesis-profile={ANY_FAILURE}")
    environment = os.environ | {
        "PYTHONPATH": str(folder / "src"),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
    }
    done = subprocess.run(
        [*command, *mutant.tests.split()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    killed = done.returncode == 1 and " failed" in done.stdout
    return None if killed else done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_noticed(name: str, tmp_path: Path) -> None:
    said = survives(MUTANTS[name], tmp_path)
    assert said is None, f"'{name}' survives:\n{said}"
