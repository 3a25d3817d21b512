"""Tools that tests start for real."""

from __future__ import annotations

import glob
import os
import shutil
from pathlib import Path

import pytest

# The package of Debian that brings a tool, where that has another name or is none of Debian's.
PACKAGES = {
    "amtool": "prometheus-alertmanager",
    "checkov": "checkov of requirements/checkov.txt",
    "java": "openjdk-17-jre-headless",
    "kubectl": "Kubernetes's own packages",
    "node": "nodejs",
    "promtool": "prometheus",
    "prlimit": "util-linux",
    "terraform": "HashiCorp's own packages",
    "/usr/lib/*/faketime/libfaketime.so.1": "faketime",
    "/usr/lib/postgresql/*/bin/initdb": "postgresql",
}


def find_tool(name: str) -> str | None:
    """A program in the path, or the newest file that an absolute path or a glob of one means."""
    if not Path(name).is_absolute():
        return shutil.which(name)
    files = [path for path in glob.glob(name) if Path(path).is_file()]
    return max(files, default=None)


def require_tool(name: str) -> str:
    """Find a tool; without it skip, or fail under CI where it must be there.

    Parameters
    ----------
    name : str
        A program's name, or an absolute path, which may be a glob.
    """
    found = find_tool(name)
    if found is None:
        missing = f"{name} is missing on this machine (package: {PACKAGES.get(name, name)})"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing}; under CI it must be there")
        pytest.skip(missing)
    return found
