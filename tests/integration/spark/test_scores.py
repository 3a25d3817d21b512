"""Scores, drift, promises and grades are the same on a Spark cluster."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_mlops import engine
from churn_mlops.features.catalogue import features_contract
from churn_mlops.inference import batch_score
from churn_mlops.inference.predictions import latest_path, top_path
from churn_mlops.monitoring import drift, performance
from churn_mlops.params import Params
from churn_mlops.tables import scan
from tests.equal_tables import read
from tests.integration.spark.stages import On, at
from tests.watched import score, watched


def on_both(folder: Path, cluster: On, **over: Any) -> tuple[Params, Params]:
    """The same features, labels and champion in two folders, for either engine."""
    both = [watched(folder / name, tables={"format": "parquet"}, **over) for name in "ab"]
    return both[0], at(both[1], folder / "b", cluster)


@pytest.mark.parametrize("reasons_for", ["contacts", "everybody"])
def test_the_same_list(cluster: On, tmp_path: Path, reasons_for: str) -> None:
    scoring = {"reasons_for": reasons_for, "batch_rows": 64}
    ours, theirs = on_both(tmp_path, cluster, scoring=scoring)
    summaries = [batch_score.run(params) for params in (ours, theirs)]
    assert summaries[0].rows == summaries[1].rows
    day = date.fromisoformat(str(summaries[0].facts["as_of_date"]))
    for path in (latest_path, lambda params: top_path(params, day)):
        here, there = (path(params) for params in (ours, theirs))
        assert here.read_bytes() == there.read_bytes()
    assert not list((tmp_path / "b").rglob(".scratch*")), "what the workers gave is tidied away"


def test_the_same_drift(cluster: On, tmp_path: Path) -> None:
    bodies = []
    for params in on_both(tmp_path, cluster):
        drift.run(params)
        path = Path(params.paths.artifacts) / "monitoring/drift_latest.json"
        bodies.append(json.loads(path.read_text()))
    assert bodies[0] == bodies[1]


def test_the_same_promises_and_grades(cluster: On, tmp_path: Path) -> None:
    ours, theirs = on_both(tmp_path, cluster)
    bodies = []
    for params in (ours, theirs):
        score(params.model_copy(update={"engine": "duckdb"}), [60, 70, 94])
        performance.run(params)
        path = Path(params.paths.artifacts) / "monitoring/performance_latest.json"
        bodies.append(json.loads(path.read_text()))
    assert bodies[0] == bodies[1]
    assert bodies[0]["promises"]["pr_auc"]["batches"] == 2


def test_one_session_within_another(cluster: On, tmp_path: Path) -> None:
    params = on_both(tmp_path, cluster)[1]
    features = features_contract(params)
    with engine.connect(params) as outer:
        with engine.connect(params) as inner:
            assert inner._session is outer._session
        count = scan(outer, features, params).count()
        assert engine.value(outer, count) == len(read(params, features)), "it is open still"
