"""What a worker of Spark writes, without Spark: batches in, files and their names out."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.tables import task_files
from churn_mlops.tables.task_files import DAY, NO_DAY, write_files

FIRST = date(2025, 1, 1)
SCHEMA = pa.schema({"user_id": pa.int64(), "value": pa.float64()})


def batch(users: list[int], days: list[date | None] | None = None) -> pa.RecordBatch:
    columns = {"user_id": pa.array(users, pa.int32()), "value": pa.array([0.5] * len(users))}
    if days is not None:
        columns[DAY] = pa.array(days, pa.date32())
    return pa.record_batch(columns)


def facts(batches: list[pa.RecordBatch], folder: Path) -> list[dict[str, object]]:
    return [row for made in write_files(batches, str(folder), SCHEMA) for row in made.to_pylist()]


def test_a_file_for_each_day(tmp_path: Path) -> None:
    days = [None, FIRST, FIRST, FIRST + timedelta(1)]
    told = facts([batch([9, 1, 2, 1], days)], tmp_path)
    assert [(row["name"], row["rows"]) for row in told] == [
        (f"day={NO_DAY}/part-00000.parquet", 1),
        ("day=2025-01-01/part-00000.parquet", 2),
        ("day=2025-01-02/part-00000.parquet", 1),
    ]
    written = [tmp_path / str(row["written"]) for row in told]
    assert pq.read_table(written[1])["user_id"].to_pylist() == [1, 2]
    assert pq.read_schema(written[1]).equals(SCHEMA), "the contract's types, whatever came"
    hidden = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.name.startswith(".") and path.suffix != ".parquet" for path in hidden)


def test_without_days_it_is_one_file(tmp_path: Path) -> None:
    (told,) = facts([batch([1, 2]), batch([3])], tmp_path)
    assert (told["name"], told["rows"]) == ("part-00000.parquet", 3)
    table = pq.read_table(tmp_path / str(told["written"]))
    assert table["user_id"].to_pylist() == [1, 2, 3]


def test_no_rows_no_file(tmp_path: Path) -> None:
    assert facts([], tmp_path) == []
    assert facts([batch([], [])], tmp_path) == []


@given(st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=5))
def test_nothing_is_lost_however_the_batches_are_cut(cut: list[list[int]]) -> None:
    import tempfile

    flat = sorted(number for part in cut for number in part)
    batches, at = [], 0
    for part in cut:
        days = [FIRST + timedelta(n) for n in flat[at : at + len(part)]]
        batches.append(batch(list(range(at, at + len(part))), days))
        at += len(part)
    with tempfile.TemporaryDirectory() as folder:
        told = facts(batches, Path(folder))
        assert [row["name"] for row in told] == [
            f"day={FIRST + timedelta(n)}/part-00000.parquet" for n in sorted(set(flat))
        ]
        read = [
            user
            for row in told
            for user in pq.read_table(Path(folder) / str(row["written"]))["user_id"].to_pylist()
        ]
    assert read == list(range(len(flat)))


def test_rows_are_gathered_to_groups(tmp_path: Path) -> None:
    small = task_files.ROWS // 4
    told = facts([batch(list(range(small))) for _ in range(10)], tmp_path)
    groups = pq.ParquetFile(tmp_path / str(told[0]["written"])).metadata
    assert groups.num_rows == 10 * small
    assert groups.num_row_groups == 3
