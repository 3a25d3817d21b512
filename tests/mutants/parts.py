"""Prints which mutants belong to which module, and the files that they rest on, as JSON."""

from __future__ import annotations

import json
from typing import Any

from tests.mutants.catalogue import MUTANTS


def parts() -> dict[str, dict[str, Any]]:
    """Test names, files and the faults themselves for each module that has mutants."""
    found: dict[str, dict[str, Any]] = {}
    for name, mutant in MUTANTS.items():
        part = found.setdefault(mutant.module, {"tests": [], "files": [], "text": ""})
        part["text"] += f"{name} {tuple(mutant)}\n"
        part["tests"].append(f"test_a_planted_fault_is_noticed[{name}]")
        files = [test.split("::")[0] for test in mutant.tests.split()]
        for file in (f"src/churn_mlops/{mutant.module}", *files):
            if file not in part["files"]:
                part["files"].append(file)
    return found


if __name__ == "__main__":
    print(json.dumps(parts()))
