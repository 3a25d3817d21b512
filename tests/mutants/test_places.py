"""Every planted fault has its place in the code: told at once, and not by an hour of tests."""

from __future__ import annotations

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.workspaces import ROOT


@pytest.mark.parametrize("name", MUTANTS)
def test_what_a_fault_replaces_is_there_once(name: str) -> None:
    mutant = MUTANTS[name]
    text = (ROOT / "src" / "churn_mlops" / mutant.module).read_text()
    assert text.count(mutant.old) == 1
