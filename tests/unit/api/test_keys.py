from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from churn_mlops import params
from churn_mlops.api import keys as module
from churn_mlops.api.keys import Keys, presented
from churn_mlops.errors import ParamsError

FIRST, SECOND, THIRD = ("first-" + "a" * 20, "second-" + "b" * 20, "third-" + "ü" * 20)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is a minute later."""
    times = iter(range(0, 10**9, 60))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(times)))


def write(path: Path, *lines: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text("\n".join(lines), encoding="utf-8")
    os.replace(beside, path)


def test_without_keys_none_is_required() -> None:
    assert not Keys((), None).required


def test_a_key_has_a_name_that_does_not_tell_it() -> None:
    keys = Keys([SecretStr(FIRST), SecretStr(SECOND)], None)
    assert keys.required
    names = [keys.name_of(key.encode()) for key in (FIRST, SECOND)]
    assert len(set(names)) == 2
    for name in names:
        assert name is not None
        assert len(name) == 8
        assert name not in FIRST + SECOND
    assert keys.name_of(None) is None
    for wrong in (b"", FIRST[:-1].encode(), FIRST.encode() + b"x", b"\xff\x00" * 10_000):
        assert keys.name_of(wrong) is None


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    write(path, "# ours", "", f"  {FIRST}  ")
    keys = Keys([SecretStr(SECOND)], str(path))
    assert keys.name_of(FIRST.encode())
    assert keys.name_of(b"# ours") is None
    write(path, THIRD)
    assert keys.name_of(FIRST.encode()) is None
    assert keys.name_of(THIRD.encode())
    assert keys.name_of(SECOND.encode())


def test_a_file_that_is_gone_or_empty_or_odd_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    write(path, FIRST)
    keys = Keys((), str(path))
    for spoil in (
        path.unlink,
        lambda: write(path, "# none"),
        lambda: write(path, "short"),
        lambda: path.write_bytes(b"\xff\xfe\x00" * 20),
    ):
        spoil()
        assert keys.name_of(FIRST.encode())
        assert keys.name_of(b"short") is None
    write(path, SECOND, "short")
    assert keys.name_of(SECOND.encode())
    assert keys.name_of(b"short") is None


def test_keys_that_cannot_be_used_are_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="fewer than 16"):
        Keys([SecretStr("short")], None)
    path = tmp_path / "keys"
    with pytest.raises(ParamsError, match="cannot be read"):
        Keys((), str(path))
    for lines, words in ((["# nothing"], "has no key"), (["short"], "fewer than 16")):
        write(path, *lines)
        with pytest.raises(ParamsError, match=words) as caught:
            Keys((), str(path))
        assert "short" not in str(caught.value)
    path.write_bytes(b"\xff")
    with pytest.raises(ParamsError, match="cannot be read"):
        Keys((), str(path))


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([], None),
        ([(b"authorization", b"Bearer abc")], b"abc"),
        ([(b"authorization", b"bearer  abc ")], b"abc"),
        ([(b"authorization", b"Basic abc")], None),
        ([(b"authorization", b"abc")], None),
        ([(b"x-api-key", b" abc")], b"abc"),
        ([(b"host", b"x"), (b"x-api-key", b"abc")], b"abc"),
    ],
)
def test_a_key_is_presented_in_either_header(
    headers: list[tuple[bytes, bytes]], key: bytes | None
) -> None:
    assert presented(headers) == key


def test_keys_come_from_the_environment_and_are_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHURN__SERVING__API_KEYS", f'["{FIRST}"]')
    (tmp_path / "params.yaml").write_text("{}")
    loaded = params.load("params.yaml")
    assert [key.get_secret_value() for key in loaded.serving.api_keys] == [FIRST]
    assert FIRST not in repr(loaded)
    assert FIRST not in loaded.model_dump_json()
