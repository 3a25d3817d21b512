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
from tests.integration.spark.stages import On, at, build, generate, same_raw, tables
from tests.integration.test_examples import oulad
from tests.workspaces import ROOT

CDNOW_SHARE, OULAD_SHARE = 100, 240
"""Of the real logs one user in so many: enough of every kind, and quick."""


def synthetic(folder: Path) -> Params:
    dirt = {"duplicates": 0.002, "late": 0.002, "unknown_users": 0.002, "impossible_values": 0.002}
    tree = Params().model_dump()
    tree["tables"] = {"format": "parquet"}
    tree["data"]["synthetic"] |= {"users": 120, "days": 45, "dirt": dirt}
    return Params.model_validate(tree)


def synthetic_csv(folder: Path) -> Params:
    params = synthetic(folder)
    return params.model_copy(update={"tables": params.tables.model_copy(update={"format": "csv"})})


def cdnow(folder: Path) -> Params:
    example = ROOT / "examples/cdnow"
    csv = folder / "purchases.csv"
    convert = [sys.executable, str(example / "convert.py"), str(csv)]
    subprocess.run(convert, check=True, capture_output=True)
    header, *rows = csv.read_text().splitlines()
    few = [row for row in rows if int(row.partition(",")[0]) % CDNOW_SHARE == 0]
    csv.write_text("\n".join([header, *few]) + "\n")
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


@pytest.mark.parametrize("log", [synthetic, synthetic_csv, cdnow, oulad_sample])
def test_every_table(log: Callable[[Path], Params], cluster: On, tmp_path: Path) -> None:
    params = log(tmp_path)
    ours, theirs = at(params, tmp_path / "a", On()), at(params, tmp_path / "b", cluster)
    generate(ours)
    same_raw(ours, theirs)
    build(ours)
    build(theirs)
    for contract in tables(ours):
        mine = read(ours, contract)
        assert_equal(mine, read(theirs, contract), contract.name)
    report = "data/validation/report.json"
    assert (tmp_path / "a" / report).read_text() == (tmp_path / "b" / report).read_text()
    if ours.tables.format == "parquet":
        dated = [contract for contract in tables(ours) if contract.day in contract.names]
        filled = [contract for contract in dated if len(read(ours, contract))]
        assert all(days_of(contract.path(theirs)) for contract in filled), "a folder for each day"
        assert len(filled) >= 4
