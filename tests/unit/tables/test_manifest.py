"""Files of a table in its folder, or in a store that the folder names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_mlops import engine
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables import contracts, scan, write
from churn_mlops.tables.contract import Contract
from churn_mlops.tables.manifest import (
    NAME,
    forget,
    listed,
    local_files,
    read_manifest,
    ship,
    write_manifest,
)


@pytest.fixture
def params(make_params: Callable[..., Params], tmp_path: Path) -> Params:
    location = f"memory://{uuid4().hex}/tables"
    tables = {"format": "parquet", "location": location}
    return make_params({"paths": {"data": str(tmp_path)}, "tables": tables})


@pytest.fixture
def contract(params: Params) -> Contract:
    return contracts.labels_daily(params)


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"name": [name]}), folder / name)


def test_what_lies_in_a_folder(tmp_path: Path) -> None:
    put(tmp_path, "part-1.parquet", "day=2025-01-02/part-0.parquet", ".hidden.parquet")
    put(tmp_path, ".writing/part-0.parquet")
    (tmp_path / "day=2025-01-02/.part-0.parquet.7").write_bytes(b"half")
    assert list(listed(tmp_path)) == ["day=2025-01-02/part-0.parquet", "part-1.parquet"]
    assert listed(tmp_path)["part-1.parquet"] == str(tmp_path / "part-1.parquet")


def test_a_file_and_nothing(tmp_path: Path) -> None:
    put(tmp_path, "users.parquet")
    assert listed(tmp_path / "users.parquet") == {"users.parquet": str(tmp_path / "users.parquet")}
    assert listed(tmp_path / "none.parquet") == {}


def test_the_folder_counts_more_than_the_manifest(tmp_path: Path) -> None:
    put(tmp_path, "b.parquet")
    write_manifest(tmp_path, {"b.parquet": "s3://x/b.parquet", "a.parquet": "s3://x/a.parquet"})
    assert listed(tmp_path) == {
        "a.parquet": "s3://x/a.parquet",
        "b.parquet": str(tmp_path / "b.parquet"),
    }
    forget(tmp_path, {"a.parquet", "unknown"})
    assert read_manifest(tmp_path) == {"b.parquet": "s3://x/b.parquet"}


@pytest.mark.parametrize("text", ["{", "[]", '{"files": 3}', "{}"])
def test_a_damaged_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(ContractError, match="is damaged"):
        listed(tmp_path)


def test_shipping(params: Params, contract: Contract) -> None:
    folder = contract.path(params)
    put(folder, "part-0.parquet", "day=2025-01-02/part-0.parquet")
    ship(folder, contract, params)
    assert local_files(folder) == {}
    first = listed(folder)
    assert list(first) == ["day=2025-01-02/part-0.parquet", "part-0.parquet"]
    for name, url in first.items():
        assert url.startswith(f"{params.tables.location}/processed/labels_daily/")
        assert url.endswith(f"/{name}")
    put(folder, "part-0.parquet")
    ship(folder, contract, params)
    again = listed(folder)
    assert again["part-0.parquet"] != first["part-0.parquet"], "no object is written twice"
    kept = "day=2025-01-02/part-0.parquet"
    assert again[kept] == first[kept], "what has not changed stays"
    ship(folder, contract, params)
    assert listed(folder) == again


def test_without_a_location_nothing_is_shipped(params: Params, contract: Contract) -> None:
    here = params.model_copy(update={"tables": params.tables.model_copy(update={"location": None})})
    folder = contract.path(here)
    put(folder, "part-0.parquet")
    ship(folder, contract, here)
    assert list(local_files(folder)) == ["part-0.parquet"]
    assert not (folder / NAME).exists()


def test_a_killed_shipping_changes_nothing(
    params: Params, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = contract.path(params)
    put(folder, "part-0.parquet")
    ship(folder, contract, params)
    before = read_manifest(folder)
    put(folder, "part-0.parquet")
    put_away = fsspec.filesystem("memory").__class__.put

    def killed(*args: Any, **kwargs: Any) -> None:
        put_away(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(fsspec.filesystem("memory").__class__, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        ship(folder, contract, params)
    assert read_manifest(folder) == before
    assert listed(folder)["part-0.parquet"] == str(folder / "part-0.parquet"), "the new one counts"


def test_a_table_in_a_store_reads_as_one_here(params: Params, contract: Contract) -> None:
    import ibis

    rows = {
        "user_id": [1, 1, 2],
        "as_of_date": pa.array([20000, 20001, 20000], pa.date32()),
        "future_active_days": pa.array([0, 1, 2], pa.int32()),
        "churn_label": pa.array([1, 0, 0], pa.int8()),
    }
    with engine.connect(params) as con:
        write(con, ibis.memtable(pa.table(rows)), contract, params)
        assert not local_files(contract.path(params))
        assert con.to_pyarrow(scan(con, contract, params)).to_pydict() == pa.table(rows).to_pydict()
