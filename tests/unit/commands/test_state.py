"""Backup and restore through the program."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.errors import BackupError

run = CliRunner().invoke


def test_there_and_back(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    (workspace / "artifacts").mkdir()
    ledger = workspace / "artifacts" / "ledger.jsonl"
    ledger.write_text("1\n")
    body = json.loads(run(app, ["backup", "place", "--json"]).stdout)
    assert body["rows"] == {"files": 1, "sent": 1}
    ledger.unlink()
    assert "brought 1" in run(app, ["restore", "place", "--at", body["facts"]["at"]]).stdout
    assert ledger.read_text() == "1\n"
    error = run(app, ["restore", "place", "--at", "2024"]).exception
    assert isinstance(error, BackupError)
