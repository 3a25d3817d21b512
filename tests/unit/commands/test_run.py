"""Running a stage: its summary as text or JSON, threads fixed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from churn_mlops.commands import run
from churn_mlops.errors import SourceError
from churn_mlops.params import Params
from churn_mlops.summary import Summary


def stage(params: Params) -> Summary:
    return Summary("stage", {"rows": params.scoring.top_k}, [Path("x")])


def test_text_and_json(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "params.yaml").write_text("scoring: {top_k: 5}")
    run.run_stage(stage, "params.yaml", as_json=False)
    assert capsys.readouterr().out.startswith("stage: rows 5 (")
    run.run_stage(stage, "params.yaml", as_json=True)
    assert json.loads(capsys.readouterr().out)["rows"] == {"rows": 5}


def test_threads_are_fixed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "params.yaml").write_text("duckdb: {threads: 3}")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    run.read_params("params.yaml")
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_fail_prints_the_fix_and_leaves_with_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run.fail(SourceError("no file", fix="bring one"))
    assert left.value.code == 11
    assert capsys.readouterr().err == "error: no file\n  fix: bring one\n"
