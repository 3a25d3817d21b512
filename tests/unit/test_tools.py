"""A tool that is missing is a skip that names it, and a failure under CI."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.tools import find_tool, require_tool
from tests.workspaces import ROOT

USED = re.compile(r'require_tool\("([^"]+)"\)')


def test_a_folder_or_file_of_that_name_is_no_program(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(workspace / "bin"))
    (workspace / "terraform").mkdir()
    (workspace / "kubectl").write_text("#!/bin/sh\n")
    assert find_tool("terraform") is None
    assert find_tool("kubectl") is None
    program = workspace / "bin/kubectl"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    assert find_tool("kubectl") is None, "it cannot be run"
    program.chmod(0o755)
    assert find_tool("kubectl") == str(program)


def test_a_glob_means_the_newest_file(tmp_path: Path) -> None:
    for version in ("13", "15"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "initdb").write_text("")
    (tmp_path / "17/initdb").mkdir(parents=True)
    assert find_tool(str(tmp_path / "*/initdb")) == str(tmp_path / "15/initdb")
    assert find_tool(str(tmp_path / "*/psql")) is None


def test_a_missing_tool_is_skipped_and_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"java .*\(package: openjdk-17-jre-headless\)"):
        require_tool("java")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"podman is missing.*under CI"):
        require_tool("podman")


def test_ci_installs_every_tool_or_says_what_cannot_run() -> None:
    packages = (ROOT / ".ci/packages").read_text()
    used = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__)
        for name in USED.findall(path.read_text())
    }
    assert len(used) > 10
    # Of the package faketime, of the base system, and of .ci/run.
    elsewhere = {"/usr/lib/*/faketime/libfaketime.so.1", "prlimit", "checkov"}
    python = {"podman-compose", "check-jsonschema"}
    for name in used - elsewhere - python:
        known = name.replace("prometheus-alertmanager", "amtool")
        assert re.search(rf"^{re.escape(known)} \S+: ", packages, re.MULTILINE), name
