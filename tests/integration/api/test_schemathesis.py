"""Schemathesis asks what the OpenAPI document allows, and what it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.tools import require_tool
from tests.served import served
from tests.serving import scored_workspace, workspace

pytestmark = pytest.mark.slow
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)


@pytest.mark.parametrize("champion", ["candidate", None])
def test_no_500_and_no_status_that_is_not_documented(tmp_path: Path, champion: str | None) -> None:
    tool = require_tool(str(Path(sys.executable).parent / "schemathesis"))
    params = scored_workspace(tmp_path) if champion else workspace(tmp_path, None)
    with served(params, ready=champion is not None) as server:
        # Without a model, 503 is the documented answer of whatever needs one.
        checks = ",".join(CHECKS if champion else CHECKS[1:])
        done = subprocess.run(
            [
                *(tool, "run", f"{server.address}/openapi.json", "--checks", checks),
                *("--max-examples", "60", "--seed", "7", "--no-color", "--workers", "2"),
                *("--phases", "examples,coverage,fuzzing", "--request-timeout", "20"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        errors = [line for line in server.log() if line.get("level") == "error"]
        assert [line for line in errors if line["event"] == "request failed"] == []
