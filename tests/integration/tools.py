"""Tools that integration tests start for real."""

from __future__ import annotations

import glob
import os
import shutil

import pytest


def require_tool(name: str) -> str:
    """Find a program by name or glob; without it skip, or fail under CI where it must be there."""
    found = shutil.which(name) or next(iter(sorted(glob.glob(name), reverse=True)), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is missing; under CI it must be there")
        pytest.skip(f"{name} is missing on this machine")
    return found
