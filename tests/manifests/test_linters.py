"""What linters of this trade find: nothing, or what is muted with a reason where it stands."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from pathlib import Path

from tests.linters import told
from tests.manifests.objects import ROOT

TRACKED = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.splitlines()
DOCKERFILES = [name for name in TRACKED if Path(name).name.startswith("Dockerfile")]
SCRIPTS = [name for name in TRACKED if name.endswith(".sh") or name == ".ci/run"]


def lint(*command: str) -> str:
    """What a linter says; empty when it finds nothing."""
    code, text = told(*command)
    return text if code else ""


def test_hadolint_finds_nothing(tmp_path: Path) -> None:
    assert len(DOCKERFILES) == 3
    assert lint("hadolint", *DOCKERFILES) == ""
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian\nRUN cd /tmp && apt-get install curl\n")
    assert "DL3006" in lint("hadolint", str(bad)), "the check itself"


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    assert len(SCRIPTS) > 5
    assert ".ci/run" in SCRIPTS
    assert lint("shellcheck", *SCRIPTS) == ""
    bad = tmp_path / "bad.sh"
    bad.write_text("#!/bin/sh\ncd $1\n")
    assert "SC2086" in lint("shellcheck", str(bad)), "the check itself"


def test_every_muted_finding_has_its_reason() -> None:
    lines = (ROOT / ".checkov.yaml").read_text().splitlines()
    for above, line in pairwise(lines):
        if re.match(r" +- CKV", line):
            assert re.match(r" +# \w", above), line
    for name in (*DOCKERFILES, *SCRIPTS):
        lines = (ROOT / name).read_text().splitlines()
        for above, line in pairwise(lines):
            if re.match(r" *# (hadolint ignore|shellcheck disable)", line):
                assert re.match(r" *# \w", above), f"{name}: {line}"
