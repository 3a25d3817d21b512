"""Raw tables as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import pytest

from churn_mlops.data.raw_tables import check_structure, csv_header, open_csv, open_raw, readable
from churn_mlops.errors import ContractError
from churn_mlops.tables import Column, Contract

CONTRACT = Contract("t", "raw", ("user_id",), (Column("user_id", "int64"), Column("n", "float64")))


def test_every_column_is_text_and_nothing_is_guessed(con: Any, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n007,2025-01-01\n"x,""y""",\n')
    rows = con.to_pyarrow(open_csv(con, path, path)).to_pylist()
    assert rows == [{"a": "007", "b": "2025-01-01"}, {"a": 'x,"y"', "b": None}]


@pytest.mark.parametrize(
    ("content", "header"), [(b"a,b\r\n", ["a", "b"]), (b"\xef\xbb\xbfa\n", ["a"]), (b"", [])]
)
def test_header(tmp_path: Path, content: bytes, header: list[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert csv_header(path, path) == header


def test_missing_raw_data_names_the_way(workspace: Path, con: Any, make_params: Any) -> None:
    with pytest.raises(ContractError, match="dvc repro generate_data"):
        open_raw(con, make_params())


def test_an_error_of_the_engine_names_the_file(con: Any, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n")
    with pytest.raises(ContractError, match=f"CHN101: {path}"), readable(path):
        con.to_pyarrow(open_csv(con, path, path))


@pytest.mark.parametrize(
    ("ids", "numbers", "check"),
    [
        (["1", "2"], ["x", None], "CHN106"),
        (["a", "b"], ["1", "2"], "CHN106"),
        (["1", "02"], ["1", "2"], "CHN105"),
        ([], [], "CHN104"),
    ],
)
def test_structure_faults(con: Any, ids: list[str], numbers: list[str | None], check: str) -> None:
    rows = [{"user_id": a, "n": b} for a, b in zip(ids, numbers, strict=True)]
    raw = ibis.memtable(rows, schema={"user_id": "string", "n": "string"})
    with pytest.raises(ContractError, match=check):
        check_structure(con, raw, CONTRACT)


def test_a_sound_table_tells_its_rows(con: Any) -> None:
    rows = [{"user_id": "1", "n": None}, {"user_id": "x", "n": None}]
    raw = ibis.memtable(rows, schema={"user_id": "string", "n": "string"})
    assert check_structure(con, raw, CONTRACT) == 2
