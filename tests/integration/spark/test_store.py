"""Spark's workers read and write tables in a real object store, which at times fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.errors import ChurnError
from churn_mlops.features import build_features
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.tables.folders import days_of
from churn_mlops.tables.manifest import listed, local_files
from churn_mlops.training import build_labels
from tests import s3_server
from tests.equal_tables import assert_equal, read
from tests.integration.spark.stages import On, at, build, generate, same_raw, tables
from tests.s3_faults import Faults

LOCATION = f"s3://{s3_server.BUCKET}/tables"


def test_tables_in_a_store(cluster: On, faults: Faults, tmp_path: Path) -> None:
    tree: dict[str, Any] = Params().model_dump()
    tree["tables"] = {"format": "parquet"}
    tree["data"]["synthetic"] |= {"users": 60, "days": 40}
    params = Params.model_validate(tree)
    here = at(params, tmp_path / "a", On())
    away = at(params, tmp_path / "b", replace(cluster, location=LOCATION))
    generate(here)
    same_raw(here, away)
    build(here)
    features = features_contract(away)
    faults.failing = 2
    build(away)
    assert faults.failing == 0
    for contract in tables(here):
        mine, theirs = read(here, contract), read(away, contract)
        assert_equal(mine, theirs, contract.name)
        if contract.parts:
            assert not local_files(contract.path(away)), "the workspace has the manifest only"
    assert len(days_of(features.path(away))) == 40

    before = listed(features.path(away))
    faults.failing = 10_000
    for stage in (build_features, build_labels):
        with pytest.raises(ChurnError) as told:
            stage.run(away)
        assert "fix:" in str(told.value)
        assert "Traceback" not in str(told.value)
    faults.failing = 0
    assert listed(features.path(away)) == before, "the table is as it was"
    assert_equal(read(here, features), read(away, features), features.name)
    assert not list(tmp_path.rglob("*writing*"))
