"""The ranked list as people see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_mlops.errors import ContractError
from churn_mlops.inference.ranking import as_text, latest, written

ROW = {
    "user_id": "007",
    "as_of_date": "2025-01-01",
    "churn_risk": 0.5,
    "risk_rank": 1,
    "reason_1": "first",
    "reason_2": "second",
    "reason_3": None,
    "model_version": "abc",
}


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_latest_reads_the_head(workspace: Path, make_params: Any, format_: str) -> None:
    params = make_params({"tables": {"format": format_}})
    folder = workspace / "data/predictions"
    folder.mkdir(parents=True)
    path = folder / f"batch_predictions_latest.{format_}"
    if format_ == "csv":
        path.write_text("user_id,risk_rank\n007,1\n8,2\n9,3\n")
    else:
        pq.write_table(pa.table({"user_id": ["007", "8", "9"], "risk_rank": [1, 2, 3]}), path)
    assert [row["user_id"] for row in latest(params, 2)] == ["007", "8"]


def test_without_predictions_the_way_is_named(workspace: Path, make_params: Any) -> None:
    with pytest.raises(ContractError, match="dvc repro batch_score"):
        latest(make_params(), 3)


def test_text_shows_risk_and_reasons() -> None:
    text = as_text([ROW], [Path("data/x.csv")])
    assert "The 1 users most at risk on 2025-01-01 (model abc)" in text
    assert "   1  007    50.0%  first; second\n" in text
    assert text.endswith("Written:\n  data/x.csv")
    assert as_text([], []) == "nobody was eligible on the scored day"


def test_written_lists_files_and_part_tables_once(workspace: Path, make_params: Any) -> None:
    (workspace / "data/raw/events.parquet").mkdir(parents=True)
    (workspace / "data/raw/events.parquet/part-00000.parquet").write_text("x")
    (workspace / "data/raw/.gitignore").write_text("x")
    (workspace / "artifacts").mkdir()
    (workspace / "artifacts/m.json").write_text("x")
    (workspace / "mlflow.db").write_text("x")
    for growing in ("data/scored", "artifacts/monitoring/promises"):
        (workspace / growing).mkdir(parents=True)
        (workspace / growing / "2025-01-01_abc.parquet").write_text("x")
    names = [str(path) for path in written(make_params())]
    assert names == [
        "data/raw/events.parquet",
        "data/scored",
        "artifacts/m.json",
        "artifacts/monitoring/promises",
        "mlflow.db",
    ]
