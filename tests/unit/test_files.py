from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn_mlops.files import write_json, write_text


def test_the_folder_is_made_and_nothing_is_left_beside(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["b.json"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    write_text(path, "whole")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half \ud800")
    assert path.read_text() == "whole"
    assert [p.name for p in tmp_path.iterdir()] == ["b.json"]


def test_json_ends_with_a_newline_and_holds_finite_numbers_only(tmp_path: Path) -> None:
    write_json(tmp_path / "b.json", {"a": [1, None]})
    text = (tmp_path / "b.json").read_text()
    assert (json.loads(text), text[-1]) == ({"a": [1, None]}, "\n")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", float("nan"))
    assert (tmp_path / "b.json").read_text() == text
