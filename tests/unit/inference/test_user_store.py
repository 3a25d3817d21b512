"""The store of a day's predictions: what is written is found, and nothing half-written stays."""

from __future__ import annotations

import math
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from churn_mlops.errors import ChurnError, ContractError
from churn_mlops.features.catalogue import features_contract
from churn_mlops.inference.predictions import predictions_contract
from churn_mlops.inference.user_store import StoredUsers, write_store
from churn_mlops.params import Params
from churn_mlops.tables import Contract
from tests.system_calls import Call, record

DAY = date(2025, 4, 30)


def contract(make_params: Any, ids: str = "integer") -> Contract:
    params: Params = make_params({"data": {"user_id": ids}})
    columns = {column.name: column for column in features_contract(params).columns}
    return predictions_contract(params, columns)


def rows(shape: Contract, ids: list[Any], version: str = "abc") -> pa.Table:
    """Predictions of some users, with values of every type and with gaps."""
    made = {
        "user_id": ids,
        "as_of_date": [DAY] * len(ids),
        "churn_risk": [round(1 / (n + 1), 6) for n in range(len(ids))],
        "risk_rank": list(range(1, len(ids) + 1)),
        "decision": ["contact"] * len(ids),
        "reason_1": ["3 days, “away” — ✓"] * len(ids),
        "reason_2": [None] * len(ids),
        "model_version": [version] * len(ids),
        "plan": ["0", *[None] * (len(ids) - 1)],
    }
    schema = ibis.schema(shape.types).to_pyarrow()
    blank = {f.name: None if pa.types.is_string(f.type) else 7 for f in schema}
    arrays = [
        pa.array(made.get(field.name, [blank[field.name]] * len(ids)), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def put(path: Path, shape: Contract, table: pa.Table, version: str = "abc") -> int:
    return write_store(table.to_batches(max_chunksize=3), shape, path, DAY, version)


def alone(path: Path) -> bool:
    """Whether nothing lies beside a file."""
    return [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("kind", "ids"),
    [
        ("integer", [17, -3, 0, 2**63 - 1, -(2**63), 5, 6]),
        ("text", ["017", "17", "", "ü✓", "a/b?c#d", "x\x00y", " 17", "N" * 5_000]),
    ],
)
def test_every_row_is_found_as_it_was_written(
    tmp_path: Path, make_params: Any, kind: str, ids: list[Any]
) -> None:
    shape = contract(make_params, kind)
    table = rows(shape, ids)
    path = tmp_path / "new/odd ?#% name.sqlite"
    assert put(path, shape, table) == len(ids)
    store = StoredUsers(path)
    for row in table.to_pylist():
        found = store.find(str(row["user_id"]))
        assert found == {**row, "as_of_date": DAY.isoformat()}
        assert {type(found[name]) for name in ("user_id", "risk_rank")} <= {int, type(ids[0])}
        assert list(found) == list(shape.names)
    assert (store.as_of_date, store.model_version, store.count) == (DAY, "abc", len(ids))
    store.check()
    assert alone(path)


@pytest.mark.parametrize(
    "unknown", ["017", "+17", " 17", "17.0", "1e1", "१७", "", "\x00", "17\x00", "\ud800", "' OR 1"]
)
def test_other_spellings_and_odd_texts_are_nobody(
    tmp_path: Path, make_params: Any, unknown: str
) -> None:
    shape = contract(make_params)
    put(tmp_path / "s", shape, rows(shape, [17, 10]))
    assert StoredUsers(tmp_path / "s").find(unknown) is None


def test_an_id_longer_than_any_text_can_be_is_nobody(tmp_path: Path, make_params: Any) -> None:
    shape = contract(make_params)
    put(tmp_path / "s", shape, rows(shape, [17]))
    store = StoredUsers(tmp_path / "s")
    assert store.find("9" * 10_000_000) is None
    store._con.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000)
    assert store.find("9" * 1_001) is None


def test_the_same_rows_make_the_same_bytes(tmp_path: Path, make_params: Any) -> None:
    shape = contract(make_params)
    table = rows(shape, list(range(1_000)))
    for name in "ab":
        put(tmp_path / name, shape, table)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_number_is_null(tmp_path: Path, make_params: Any) -> None:
    """Where the table has NaN, which JSON does not know."""
    params = make_params({"features": {"static": {"size": "numeric"}}})
    params = params.model_copy(
        update={"features": params.features.model_copy(update={"static": {"size": "numeric"}})}
    )
    columns = {column.name: column for column in features_contract(params).columns}
    shape = predictions_contract(params, columns)
    table = rows(shape, [1])
    place = table.schema.get_field_index("size")
    put(tmp_path / "s", shape, table.set_column(place, "size", pa.array([math.nan])))
    found = StoredUsers(tmp_path / "s").find("1")
    assert found is not None
    assert found["size"] is None


def test_who_reads_the_old_store_goes_on_reading_it(tmp_path: Path, make_params: Any) -> None:
    shape, path = contract(make_params), tmp_path / "s"
    put(path, shape, rows(shape, list(range(5_000)), "old"), "old")
    old = StoredUsers(path)
    put(path, shape, rows(shape, [1], "new"), "new")
    assert old.count == 5_000
    for user in range(5_000):
        found = old.find(str(user))
        assert found is not None
        assert found["model_version"] == "old"
    path.unlink()
    old.check()


def test_a_failure_on_the_way_leaves_the_old_store_and_nothing_else(
    tmp_path: Path, make_params: Any
) -> None:
    shape, path = contract(make_params), tmp_path / "s"
    put(path, shape, rows(shape, [1]), "old")
    before = path.read_bytes()

    def broken() -> Iterator[pa.RecordBatch]:
        yield from rows(shape, list(range(5_000))).to_batches()
        raise MemoryError("the engine gave up")

    with pytest.raises(MemoryError):
        write_store(broken(), shape, path, DAY, "new")
    with pytest.raises(ContractError, match="user twice"):
        put(path, shape, rows(shape, [1, 2, 3, 4, 1]))
    assert path.read_bytes() == before
    assert alone(path)


def test_what_a_killed_run_left_is_in_nobodys_way(tmp_path: Path, make_params: Any) -> None:
    shape, path = contract(make_params), tmp_path / "s"
    (tmp_path / ".s.writing").write_bytes(b"half of something")
    put(path, shape, rows(shape, [1]))
    assert alone(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, make_params: Any) -> None:
    shape = contract(make_params)
    (tmp_path / "file").write_text("")
    with pytest.raises(ChurnError, match=r"file/s cannot be written"):
        put(tmp_path / "file/s", shape, rows(shape, [1]))
    (tmp_path / "taken/below").mkdir(parents=True)
    with pytest.raises(ChurnError, match="taken cannot be written"):
        put(tmp_path / "taken", shape, rows(shape, [1]))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "taken"]


def test_a_link_is_replaced_and_not_what_it_points_to(tmp_path: Path, make_params: Any) -> None:
    shape = contract(make_params)
    put(tmp_path / "cache", shape, rows(shape, [1]), "old")
    before = (tmp_path / "cache").read_bytes()
    (tmp_path / "s").symlink_to("cache")
    assert StoredUsers(tmp_path / "s").model_version == "old"
    put(tmp_path / "s", shape, rows(shape, [1]), "new")
    assert (tmp_path / "cache").read_bytes() == before
    assert StoredUsers(tmp_path / "s").model_version == "new"


def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path: Path, make_params: Any) -> None:
    shape = contract(make_params)
    put(tmp_path / "whole", shape, rows(shape, list(range(2_000))))
    content = (tmp_path / "whole").read_bytes()
    rng = random.Random(5)
    lengths = [0, 1, 99, 100, 4_095, 4_096, *(rng.randrange(len(content)) for _ in range(100))]
    for length in [*lengths, len(content) - 4_096, len(content) - 1]:
        (tmp_path / "cut").write_bytes(content[:length])
        with pytest.raises(ContractError, match=r"cut is not a sound store.*\n.*batch-score"):
            StoredUsers(tmp_path / "cut")


def test_a_damaged_page_is_found_by_the_check(tmp_path: Path, make_params: Any) -> None:
    shape, path = contract(make_params), tmp_path / "s"
    put(path, shape, rows(shape, list(range(2_000))))
    content = bytearray(path.read_bytes())
    content[10 * 4_096 : 11 * 4_096] = b"\xff" * 4_096
    path.write_bytes(content)
    store = StoredUsers(path)
    with pytest.raises(ContractError, match="not a sound store"):
        store.check()
    with pytest.raises(ContractError, match="not a sound store"):
        list(map(store.find, map(str, range(2_000))))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DROP TABLE meta", "no such table: meta"),
        ("DROP TABLE users", "no such table: users"),
        ("DELETE FROM meta WHERE name = 'count'", "count"),
        ("UPDATE meta SET value = 2 WHERE name = 'schema_version'", "schema version is 2"),
        ("UPDATE meta SET value = '{' WHERE name = 'columns'", "JSON|Expecting"),
        ("UPDATE meta SET value = 'x' WHERE name = 'as_of_date'", "x"),
        ("ALTER TABLE users ADD COLUMN more TEXT", "columns are not those"),
    ],
)
def test_a_foreign_database_is_refused(
    tmp_path: Path, make_params: Any, change: str, words: str
) -> None:
    shape, path = contract(make_params), tmp_path / "s"
    put(path, shape, rows(shape, [1, 2]))
    con = sqlite3.connect(path)
    con.execute(change)
    con.commit()
    con.close()
    with pytest.raises(ContractError, match=words):
        StoredUsers(path)


def test_a_missing_user_is_found_by_the_check(tmp_path: Path, make_params: Any) -> None:
    shape, path = contract(make_params), tmp_path / "s"
    put(path, shape, rows(shape, [1, 2]))
    con = sqlite3.connect(path)
    con.execute("DELETE FROM users WHERE user_id = '2'")
    con.commit()
    con.close()
    with pytest.raises(ContractError, match="1 of 2 users"):
        StoredUsers(path).check()


def test_a_folder_a_missing_and_a_text_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("user_id,churn_risk\n1,0.5\n" * 100)
    for path in (tmp_path, tmp_path / "none", tmp_path / "text"):
        with pytest.raises(ContractError, match="not a sound store"):
            StoredUsers(path)
    assert not (tmp_path / "none").exists()


def test_a_read_only_file_in_a_read_only_folder_can_be_read(
    tmp_path: Path, make_params: Any
) -> None:
    shape, path = contract(make_params), tmp_path / "below/s"
    put(path, shape, rows(shape, [1]))
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        assert StoredUsers(path).find("1") is not None
        assert alone(path)
    finally:
        path.parent.chmod(0o755)


def test_reading_needs_no_engine() -> None:
    code = (
        "import sys; import churn_mlops.inference.user_store;"
        "bad = {'ibis', 'duckdb', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules);"
        "assert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_rows_are_on_the_disk_before_the_place_is_taken_and_its_name_after(
    tmp_path: Path, make_params: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, path, beside = contract(make_params), tmp_path / "s", tmp_path / ".s.writing"
    calls = record(monkeypatch)
    put(path, shape, rows(shape, list(range(100))))
    size = path.stat().st_size
    assert calls == [
        Call("fsync", beside, size=size),
        Call("replace", beside, path, size),
        Call("fsync", tmp_path),
    ]


def test_what_the_disk_does_not_give_back_takes_no_place(
    tmp_path: Path, make_params: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, path = contract(make_params), tmp_path / "s"
    put(path, shape, rows(shape, [1]), "old")
    before = path.read_bytes()
    real = os.fsync

    def damaging(file: int) -> None:
        real(file)
        with (tmp_path / ".s.writing").open("r+b") as written:
            written.seek(10 * 4_096)
            written.write(b"\xff" * 4_096)

    monkeypatch.setattr(os, "fsync", damaging)
    with pytest.raises(ContractError, match="not a sound store"):
        put(path, shape, rows(shape, list(range(2_000))))
    assert path.read_bytes() == before
    assert alone(path)
