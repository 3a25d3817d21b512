"""Spark's workers read and write tables in a real object store, which at times fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import s3fs

from churn_mlops import engine
from churn_mlops.errors import ChurnError
from churn_mlops.features import build_features
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.tables.folders import days_of
from churn_mlops.tables.manifest import listed, local_files
from churn_mlops.training import build_labels
from tests import s3_faults, s3_server
from tests.equal_tables import assert_equal, read
from tests.integration.spark.stages import On, at, build, generate, on_cluster, same_raw, tables
from tests.s3_faults import Faults
from tests.spark_cluster import Cluster

pytestmark = pytest.mark.slow
LOCATION = f"s3://{s3_server.BUCKET}/tables"
TRIES = {"AWS_MAX_ATTEMPTS": "3"}


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    with (
        s3_server.running(tmp_path / "s3") as store,
        s3_faults.before(store.endpoint) as proxy,
    ):
        for name, value in (s3_server.environment(proxy.endpoint) | TRIES).items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        yield proxy


def test_tables_in_a_store(cluster: Cluster, faults: Faults, tmp_path: Path) -> None:
    tree: dict[str, Any] = Params().model_dump()
    tree["tables"] = {"format": "parquet"}
    tree["data"]["synthetic"] |= {"users": 60, "days": 40}
    params = Params.model_validate(tree)
    here = at(params, tmp_path / "a", On())
    environment = s3_server.environment(faults.endpoint) | TRIES
    away = at(params, tmp_path / "b", on_cluster(cluster, LOCATION, environment))
    generate(here)
    same_raw(here, away)
    build(here)
    features = features_contract(away)
    with engine.connect(away):
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
