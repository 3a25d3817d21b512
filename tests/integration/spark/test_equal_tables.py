"""Every table is the same on a Spark cluster as in DuckDB, on made-up data and on two real logs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import pytest

from churn_mlops.params import Params
from churn_mlops.params.load import load
from churn_mlops.tables.folders import days_of
from tests.equal_tables import assert_equal, read
from tests.integration.spark.stages import On, at, build, generate, on_cluster, same_raw, tables
from tests.integration.test_examples import oulad
from tests.spark_cluster import Cluster
from tests.workspaces import ROOT

pytestmark = pytest.mark.slow
OULAD_SHARE = 25
"""One user in so many: enough of every kind, and quick."""


def synthetic(folder: Path) -> Params:
    dirt = {"duplicates": 0.002, "late": 0.002, "unknown_users": 0.002, "impossible_values": 0.002}
    tree = Params().model_dump()
    tree["tables"] = {"format": "parquet"}
    tree["data"]["synthetic"] |= {"users": 200, "days": 60, "dirt": dirt}
    return Params.model_validate(tree)


def cdnow(folder: Path) -> Params:
    example = ROOT / "examples/cdnow"
    csv = folder / "purchases.csv"
    convert = [sys.executable, str(example / "convert.py"), str(csv)]
    subprocess.run(convert, check=True, capture_output=True)
    return from_files(load(example / "params.yaml"), {"events": str(csv)})


def oulad_sample(folder: Path) -> Params:
    con, files = ibis.duckdb.connect(), {}
    for name in ("users", "events", "subscriptions"):
        table = con.read_parquet(str(oulad() / f"{name}.parquet"))
        files[name] = str(folder / f"{name}.parquet")
        con.to_parquet(table.filter(table.user_id % OULAD_SHARE == 0), files[name])
    con.disconnect()
    return from_files(load(ROOT / "examples/oulad/params.yaml"), files)


def from_files(params: Params, files: dict[str, str]) -> Params:
    tree: dict[str, Any] = params.model_dump()
    tree["tables"] = {"format": "parquet"}
    tree["data"]["files"] |= files
    return Params.model_validate(tree)


@pytest.mark.parametrize("log", [synthetic, cdnow, oulad_sample])
def test_every_table(log: Callable[[Path], Params], cluster: Cluster, tmp_path: Path) -> None:
    params = log(tmp_path)
    ours, theirs = at(params, tmp_path / "a", On()), at(params, tmp_path / "b", on_cluster(cluster))
    generate(ours)
    same_raw(ours, theirs)
    build(ours)
    build(theirs)
    for contract in tables(ours):
        mine = read(ours, contract)
        assert_equal(mine, read(theirs, contract), contract.name)
    report = "data/validation/report.json"
    assert (tmp_path / "a" / report).read_text() == (tmp_path / "b" / report).read_text()
    for contract in tables(ours):
        if (
            contract.day is not None
            and contract.day in contract.names
            and len(read(ours, contract))
        ):
            assert days_of(contract.path(theirs)), f"{contract.name} has a folder for each day"
