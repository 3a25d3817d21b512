"""The engine: limits are set, and running out of memory is one clear error."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from churn_mlops import engine
from churn_mlops.errors import ContractError, EngineError
from churn_mlops.params import Params


def setting(con: Any, name: str) -> str:
    return str(con.raw_sql(f"SELECT current_setting('{name}')").fetchall()[0][0])


def test_limits_come_from_the_parameters(make_params: Any) -> None:
    with engine.connect(make_params({"duckdb": {"threads": 3, "memory_limit": "1GB"}})) as con:
        assert setting(con, "threads") == "3"
        assert "953" in setting(con, "memory_limit")


def test_running_out_of_memory_is_explained_and_cleaned_up(
    make_params: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A place of its own: other processes spill as well.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    params = make_params({"duckdb": {"memory_limit": "20MB"}})
    with pytest.raises(EngineError, match="memory_limit") as caught, engine.connect(params) as con:
        con.raw_sql("SELECT list(range) FROM range(100000000)").fetchall()
    assert caught.value.exit_code == 17
    assert "rows_per_part" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut off", "no Parquet", "empty"])
def test_a_damaged_file_is_named_with_what_mends_it(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "day-2025-01-09.parquet"
    with engine.connect(Params()) as con:
        con.raw_sql(f"COPY (SELECT * FROM range(9)) TO '{path}' (FORMAT parquet)")
    body = path.read_bytes()
    left = {"cut off": body[: len(body) // 2], "no Parquet": b"PAR1 and no more", "empty": b""}
    path.write_bytes(left[damage])
    with (
        pytest.raises(ContractError, match=path.name) as caught,
        engine.connect(Params()) as con,
    ):
        con.to_pyarrow(con.read_parquet(str(path)))
    assert "dvc repro -f" in (caught.value.fix or "")
