"""What checkov finds in the configuration: nothing, or what is muted where it stands."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.tools import require_tool
from tests.terraform.checkout import SOURCE

MUTED = re.compile(r"#checkov:skip=(\w+):(.*)")


def checkov(folder: Path) -> dict[str, Any]:
    """What it says of a folder; modules are looked at as they are called."""
    done = subprocess.run(
        [
            *(require_tool("checkov"), "--skip-download", "--quiet", "--compact"),
            *("--framework", "terraform", "--output", "json", "--directory", str(folder)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    report: dict[str, Any] = found[0] if isinstance(found, list) else found
    return report


def failed(report: dict[str, Any]) -> list[str]:
    return sorted(
        f"{one['check_id']} {one['check_name']}: {one['resource']}"
        for one in report["results"]["failed_checks"]
    )


@pytest.mark.slow
def test_checkov_finds_nothing() -> None:
    report = checkov(SOURCE)
    assert report["summary"]["passed"] > 130
    assert report["summary"]["parsing_errors"] == 0
    assert failed(report) == []


@pytest.mark.slow
def test_checkov_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "open" {\n  bucket = "open"\n}\n')
    assert any(told.startswith("CKV2_AWS_6 ") for told in failed(checkov(tmp_path)))


def test_every_muted_finding_has_its_reason() -> None:
    found = [one for path in SOURCE.rglob("*.tf") for one in MUTED.findall(path.read_text())]
    assert found
    for check, reason in found:
        assert re.match(r"\w.{20,}", reason), check
