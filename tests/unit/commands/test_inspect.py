"""Commands that show."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from churn_mlops.cli import app

run = CliRunner().invoke


def test_docs_writes_every_page(tmp_path: Path) -> None:
    result = run(app, ["docs", str(tmp_path), "--json"])
    names = json.loads(result.stdout)["files"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(Path(n).name for n in names)


def test_top_without_predictions_is_an_error(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    result = run(app, ["top"])
    assert "dvc repro batch_score" in str(result.exception)
