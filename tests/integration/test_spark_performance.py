"""Promises and grades are the same on a Spark cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn_mlops.monitoring import performance
from tests.integration.tools import require_tool
from tests.watched import score, watched

pytestmark = pytest.mark.slow


def test_both_engines_promise_and_grade_the_same(tmp_path: Path) -> None:
    require_tool("java")
    bodies = []
    for engine in ("duckdb", "spark"):
        params = watched(tmp_path / engine, tables={"format": "parquet"})
        score(params, [60, 70, 94])
        performance.run(params.model_copy(update={"engine": engine}))
        path = tmp_path / engine / "artifacts/monitoring/performance_latest.json"
        bodies.append(json.loads(path.read_text()))
    assert bodies[0] == bodies[1]
    assert bodies[0]["promises"]["pr_auc"]["batches"] == 2
