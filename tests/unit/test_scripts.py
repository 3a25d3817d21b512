"""The scripts that a newcomer meets first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def check_tools(tmp_path: Path, tools: list[str], python: str) -> subprocess.CompletedProcess[str]:
    """Run the check where only these tools can be found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in tools:
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    return subprocess.run(
        [shutil.which("sh") or "sh", str(ROOT / "scripts/check_tools.sh"), python],
        env=os.environ | {"PATH": str(folder)},
        capture_output=True,
        text=True,
    )


def test_nothing_is_said_when_all_is_there(tmp_path: Path) -> None:
    done = check_tools(tmp_path, ["git", "make"], sys.executable)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("missing", ["git", "make"])
def test_a_missing_tool_is_named_in_one_line(tmp_path: Path, missing: str) -> None:
    done = check_tools(tmp_path, [t for t in ("git", "make") if t != missing], sys.executable)
    assert done.returncode == 1
    assert done.stderr == f"missing: {missing} (on Debian or Ubuntu: apt-get install {missing})\n"


def test_a_missing_python_is_named(tmp_path: Path) -> None:
    done = check_tools(tmp_path, ["git", "make"], "python3.99")
    assert done.returncode == 1
    assert done.stderr.startswith("missing: python3.99 (")


def test_the_lock_names_no_registry() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text, path


def test_generate_data_hands_its_arguments_on(tmp_path: Path) -> None:
    fake = tmp_path / "churn"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    done = subprocess.run(
        [str(ROOT / "scripts/generate_data.sh"), "--json"],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "generate-data --json\n"
