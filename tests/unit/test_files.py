from __future__ import annotations

from pathlib import Path

import pytest

from churn_mlops.files import write_text


def test_a_text_is_written_with_its_folders_and_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a/b.json"
    write_text(path, "ä\n")
    write_text(path, "b\n")
    assert path.read_text(encoding="utf-8") == "b\n"
    assert [p.name for p in path.parent.iterdir()] == ["b.json"]


def test_what_cannot_be_written_leaves_the_old_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.json"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old"
