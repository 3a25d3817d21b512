"""Linters as programs: what they say of the project, and of what is wrong on purpose."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.integration.tools import require_tool
from tests.workspaces import ROOT


def told(*command: str) -> tuple[int, str]:
    """The exit code and all that a linter says, run in the project's root."""
    done = subprocess.run(
        [require_tool(command[0]), *command[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def checkov(folder: Path, *options: str) -> list[dict[str, Any]]:
    """checkov's reports of a folder, one for each framework."""
    done = subprocess.run(
        [
            *(require_tool("checkov"), "--skip-download", "--quiet", "--compact"),
            *("--output", "json", "--directory", str(folder), *options),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    return found if isinstance(found, list) else [found]


def failed(reports: list[dict[str, Any]]) -> list[str]:
    """What did not pass, by its number."""
    return sorted(
        f"{one['check_id']} {one['check_name']}: {one['resource']}"
        for report in reports
        for one in report["results"]["failed_checks"]
    )
