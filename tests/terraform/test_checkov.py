"""What checkov finds in the configuration: nothing, or what is muted where it stands."""

from __future__ import annotations

import re
from pathlib import Path

from tests.linters import checkov, failed
from tests.terraform.checkout import SOURCE

MUTED = re.compile(r"#checkov:skip=(\w+):(.*)")
FRAMEWORK = ("--framework", "terraform")


def test_checkov_finds_nothing() -> None:
    """Modules are looked at as they are called."""
    (report,) = checkov(SOURCE, *FRAMEWORK)
    assert report["summary"]["passed"] > 130
    assert report["summary"]["parsing_errors"] == 0
    assert failed([report]) == []


def test_checkov_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "open" {\n  bucket = "open"\n}\n')
    assert any(told.startswith("CKV2_AWS_6 ") for told in failed(checkov(tmp_path, *FRAMEWORK)))


def test_every_muted_finding_has_its_reason() -> None:
    found = [one for path in SOURCE.rglob("*.tf") for one in MUTED.findall(path.read_text())]
    assert found
    for check, reason in found:
        assert re.match(r"\w.{20,}", reason), check
