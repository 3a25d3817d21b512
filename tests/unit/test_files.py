from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from churn_mlops.errors import ContractError
from churn_mlops.files import file_digest, read_json, replacing, write_json, write_text
from tests.system_calls import record


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


def test_json_is_read_as_what_is_made_of_it(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    assert read_json(path, lambda body: body["a"], "do this") is None
    write_json(path, {"a": 1})
    assert read_json(path, lambda body: body["a"] + 1, "do this") == 2


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "1", '{"a": {}}', '{"a": "x"}'])
def test_what_cannot_be_made_sense_of_is_damage_and_names_the_file(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(ContractError, match=r"b\.json is damaged: ") as caught:
        read_json(path, lambda body: int(body["a"]), "do this")
    assert caught.value.fix == "do this"


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="cannot be read"):
        read_json(tmp_path, lambda body: body, "do this")


def half(path: Path) -> None:
    with replacing(path) as beside:
        beside.write_text("half")
        raise ZeroDivisionError


def test_what_fails_while_it_is_written_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    write_text(path, "whole")
    with pytest.raises(ZeroDivisionError):
        half(path)
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["b.json"]


def test_the_digest_is_sha256sums(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    told = subprocess.run(["sha256sum", str(tmp_path / "x")], capture_output=True, text=True).stdout
    assert file_digest(tmp_path / "x") == told.split()[0]


def test_a_new_file_takes_the_place_at_once_and_is_not_copied_into_the_old_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "b.json"
    write_text(path, "old" * 100_000)
    before = path.stat().st_ino
    with path.open() as reader:
        assert reader.read(3) == "old"
        write_text(path, "new")
        assert reader.read() == "old" * 99_999
    assert path.read_text() == "new"
    assert path.stat().st_ino != before


def test_the_only_step_that_touches_the_place_is_one_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.json"
    calls = record(monkeypatch)
    write_text(path, "whole")
    (call,) = calls
    assert (call.name, call.to, call.size) == ("replace", path, 5)
    assert call.path.parent == path.parent, "a rename over file systems would be a copy"


def test_a_link_is_replaced_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("old")
    (tmp_path / "b.json").symlink_to("cache")
    write_text(tmp_path / "b.json", "new")
    assert (tmp_path / "cache").read_text() == "old"
    assert (tmp_path / "b.json").read_text() == "new"
