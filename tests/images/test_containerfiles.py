"""What can be said of the images without building them; and that podman builds here at all."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.images.cluster import podman
from tests.integration.tools import require_tool
from tests.workspaces import ROOT

FILES = sorted((ROOT / "docker").glob("Dockerfile.*"))
COPY = re.compile(r"^COPY (?!--from)(.+)$", re.MULTILINE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_copied_is_tracked_and_not_kept_out(file: Path) -> None:
    sources = [name for line in COPY.findall(file.read_text()) for name in line.split()[:-1]]
    assert sources
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if "!" in line}
    for name in sources:
        tracked = subprocess.run(
            ["git", "ls-files", "--", name], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        assert tracked, name
        assert any(name == one or name.startswith(f"{one}/") for one in let_in), name


@pytest.mark.heavy
def test_podman_builds_and_runs_an_image(tmp_path: Path) -> None:
    """From scratch: no base, no network."""
    require_tool("podman")
    (tmp_path / "Containerfile").write_text('FROM scratch\nCOPY word /word\nLABEL about="smoke"\n')
    (tmp_path / "word").write_text("there\n")
    tag = "churn-smoke:test"
    try:
        podman("build", "--quiet", "--format=docker", "--tag", tag, str(tmp_path))
        (image,) = json.loads(podman("inspect", tag))
        assert image["Config"]["Labels"]["about"] == "smoke"
        archive = tmp_path / "image.tar"
        podman("save", "--output", str(archive), tag)
        assert archive.stat().st_size > 0
    finally:
        podman("rmi", "--force", tag)
