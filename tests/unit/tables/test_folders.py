"""A table's folder is replaced such that a kill at any moment loses nothing."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from churn_mlops.tables import folders


def table(path: Path, text: str) -> Path:
    path.mkdir(parents=True)
    (path / "part-00000.parquet").write_text(text)
    return path


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_swap_that_is_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    path = table(tmp_path / "t.parquet", "old")
    table(folders.beside(path), "new")
    real, calls = os.replace, []

    def replace(source: Path, target: Path) -> None:
        if len(calls) == left:
            raise KeyboardInterrupt
        calls.append(source)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    if left < 2:
        with pytest.raises(KeyboardInterrupt):
            folders.swap(path)
    else:
        folders.swap(path)
    monkeypatch.setattr(os, "replace", real)
    folders.settle(path)
    expected = "new" if left else "old"
    assert (path / "part-00000.parquet").read_text() == expected
    folders.remove(folders.beside(path))
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]


def test_an_old_folder_without_a_new_one_comes_back(tmp_path: Path) -> None:
    table(tmp_path / ".t.parquet.old", "old")
    path = folders.settle(tmp_path / "t.parquet")
    assert (path / "part-00000.parquet").read_text() == "old"


def test_only_files_that_can_hold_a_day(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", "")
    days = [date(2025, 1, n) for n in (5, 6, 8)]
    for day in days:
        (path / folders.day_file(day)).write_text("")
    assert folders.days_of(path) == days
    assert folders.files_since(path, date(2025, 1, 4)) is None
    found = folders.files_since(path, date(2025, 1, 6))
    assert found == [str(path / "day-2025-01-06.parquet"), str(path / "day-2025-01-08.parquet")]
    assert folders.files_since(path, date(2025, 1, 9)) is None
