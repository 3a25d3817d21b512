"""One stage on a Spark of this process gives the table that DuckDB gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from churn_mlops import cluster
from churn_mlops.data import validate
from churn_mlops.params import Params
from churn_mlops.tables import contracts
from tests.equal_tables import assert_equal, read
from tests.integration.spark.stages import On, at, generate, same_raw
from tests.integration.tools import require_tool


@pytest.mark.heavy
def test_the_gate_sets_the_same_rows_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_tool("java")
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    tree: dict[str, Any] = Params().model_dump()
    tree["tables"] = {"format": "parquet"}
    dirt = {"duplicates": 0.01, "unknown_users": 0.01, "impossible_values": 0.01}
    tree["data"]["synthetic"] |= {"users": 30, "days": 40, "dirt": dirt}
    tree["validation"]["max_quarantine_share"] = 0.5
    small = Params.model_validate(tree)
    embedded = at(small, tmp_path / "duckdb", On())
    spark = at(small, tmp_path / "spark", On("spark", "local[1]"))
    generate(embedded)
    same_raw(embedded, spark)
    validate.run(embedded)
    with cluster.session(spark):
        validate.run(spark)
    for contract in (contracts.users(small), contracts.events(small)):
        ours, theirs = (
            read(params, validate.quarantine_contract(contract)) for params in (embedded, spark)
        )
        assert_equal(theirs, ours, contract.name)
    assert len(ours) > 0
