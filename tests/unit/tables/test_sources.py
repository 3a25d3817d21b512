"""Parquet files as one table, wherever they lie."""

from __future__ import annotations

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
from churn_mlops.tables.sources import file_facts, open_parquet, read_files


def put(place: str, *names: str) -> list[str]:
    sources = [f"{place}/{name}" for name in names]
    for number, source in enumerate(sources):
        with fsspec.open(source, "wb", auto_mkdir=True) as file:
            pq.write_table(pa.table({"number": [number], "text": ["x"]}), file)
    return sources


@pytest.fixture(params=["folder", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "folder" else f"memory://{uuid4().hex}/it's here"


def test_files_as_one_table(con: Any, place: str) -> None:
    sources = put(place, "day=2025-01-01/part-0.parquet", "day=2025-01-02/part-0.parquet")
    table = open_parquet(con, sources)
    assert table.columns == ("number", "text"), "a folder's name adds no column"
    assert sorted(con.to_pyarrow(table)["number"].to_pylist()) == [0, 1]
    assert file_facts(sources[0]).num_rows == 1


def test_the_file_of_each_row(con: Any, place: str) -> None:
    sources = put(place, "a.parquet", "arrived-2025-01-01.parquet")
    found = con.to_pyarrow(open_parquet(con, sources, filename=True).order_by("number"))
    names = [name.rsplit("/", 1)[-1] for name in found["filename"].to_pylist()]
    assert names == ["a.parquet", "arrived-2025-01-01.parquet"]


def test_what_a_worker_reads(place: str) -> None:
    sources = put(place, "a.parquet", "b.parquet")
    wanted = pa.schema({"number": pa.int32(), "filename": pa.string()})
    asked = [pa.record_batch({"source": sources})]
    rows = pa.Table.from_batches(list(read_files(iter(asked), wanted)))
    assert rows.schema.equals(wanted)
    assert rows.to_pydict() == {"number": [0, 1], "filename": sources}


def test_a_store_without_the_file() -> None:
    with pytest.raises(ContractError, match=r"x[.]parquet cannot be read"):
        file_facts("memory://none/x.parquet")


def test_a_store_that_fails_under_duckdb_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (source,) = put(f"memory://{uuid4().hex}", "a.parquet")
    location = {"format": "parquet", "location": "memory://x"}
    params = Params.model_validate({"tables": location})

    def broken(*args: Any, **kwargs: Any) -> None:
        raise OSError("SlowDown: please reduce your request rate")

    def read() -> None:
        with engine.connect(params) as con:
            table = open_parquet(con, [source])
            monkeypatch.setattr(fsspec.filesystem("memory").__class__, "_open", broken)
            con.to_pyarrow(table)

    with pytest.raises(ContractError, match="OSError: SlowDown") as told:
        read()
    assert "Traceback" not in str(told.value)
    assert "after all tries" in str(told.value)
