"""Which files of a raw table count."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from churn_mlops.data.raw_files import arrival_day, held_files
from churn_mlops.data.watermark import Watermark
from churn_mlops.tables.folders import beside

DAY = date(2025, 1, 9)
NAMES = ["arrived-2025-01-08.parquet", "arrived-2025-01-09.parquet", "arrived-2025-01-10.parquet"]


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("arrived-2025-01-09.parquet", DAY),
        ("part-00000.parquet", None),
        ("day-2025-01-09.parquet", None),
        (".arrived-2025-01-09.parquet.writing", None),
        ("arrived-2025-01-09.parquet.bak", None),
        ("arrived-today.parquet", None),
    ],
)
def test_a_name_tells_the_day_of_arrival(name: str, day: date | None) -> None:
    assert arrival_day(f"raw/events.parquet/{name}") == day


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "events.parquet"
    path.mkdir()
    for name in [*NAMES, "part-00000.parquet", "part-00001.parquet", "_made.json"]:
        (path / name).touch()
    (path / f".{NAMES[0]}.writing").touch()
    return path


@pytest.mark.parametrize(
    ("mark", "arrived"),
    [
        (Watermark(DAY, True, "x"), 2),
        (Watermark(date(2025, 1, 1), True, "x"), 0),
        (Watermark(None, False, "x"), 3),
        (None, 3),
    ],
    ids=["up to the watermark", "none yet", "nobody said how far", "no watermark"],
)
def test_what_lies_behind_the_watermark_does_not_count(
    table: Path, mark: Watermark | None, arrived: int
) -> None:
    names = list(held_files(table, mark))
    assert names == [*NAMES[:arrived], "part-00000.parquet", "part-00001.parquet"]


def test_a_table_can_be_one_file_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    assert held_files(path, None) == {}
    path.touch()
    assert held_files(path, Watermark(DAY, True, "x")) == {path.name: str(path)}


def test_a_folder_that_was_being_replaced_is_finished_first(table: Path) -> None:
    new = beside(table)
    new.mkdir()
    (new / "part-00000.parquet").touch()
    table.rename(table.with_name(f".{table.name}.old"))
    name = "part-00000.parquet"
    assert held_files(table, None) == {name: str(table / name)}
