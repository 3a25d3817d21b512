from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from churn_mlops.api import keys as module
from churn_mlops.api.app import create_app
from churn_mlops.api.keys import Keys, presented
from churn_mlops.errors import ParamsError
from tests.serving import ask, golden_request, workspace

OLD, NEW, THIRD = "old-key-0123456789", "new-key-0123456789", "third-key-0123456789"


class Clock:
    """The monotonic clock that the keys look at."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def name(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:8]


def write(file: Path, text: str) -> None:
    """Replace a file as secret stores do: another one takes its place."""
    beside = file.with_suffix(".new")
    beside.write_text(text)
    os.replace(beside, file)


def test_without_keys_none_is_required() -> None:
    keys = Keys((), None)
    assert not keys.required
    assert keys.name_of(b"anything at all") is None


def test_a_key_opens_and_is_never_shown() -> None:
    keys = Keys((SecretStr(OLD), SecretStr(NEW)), None)
    assert keys.required
    assert keys.name_of(OLD.encode()) == name(OLD)
    assert keys.name_of(NEW.encode()) == name(NEW)
    assert OLD not in repr(vars(keys))


@pytest.mark.parametrize("wrong", [None, b"", OLD[:-1].encode(), OLD.encode() + b"x", b"\xff" * 18])
def test_nothing_else_opens(wrong: bytes | None) -> None:
    assert Keys((SecretStr(OLD),), None).name_of(wrong) is None


def test_every_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = module.hmac.compare_digest

    def counting(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return real(a, b)

    keys = Keys([SecretStr(key) for key in (OLD, NEW, THIRD)], None)
    monkeypatch.setattr(module.hmac, "compare_digest", counting)
    for key in (OLD, THIRD, "short", "wrong" * 1_000):
        compared.clear()
        keys.name_of(key.encode())
        assert compared == [(32, 32)] * 3


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([(b"authorization", b"Bearer abc")], b"abc"),
        ([(b"authorization", b"bEARER  abc ")], b"abc"),
        ([(b"x-api-key", b"abc")], b"abc"),
        ([(b"host", b"x"), (b"authorization", b"Basic YTpi"), (b"x-api-key", b"abc")], b"abc"),
        ([(b"authorization", b"Basic YTpi")], None),
        ([(b"authorization", b"Bearer")], None),
        ([(b"authorization", b"abc")], None),
        ([], None),
    ],
)
def test_a_key_is_found_among_the_headers(headers: Any, key: bytes | None) -> None:
    assert presented(headers) == key


def test_a_file_may_have_comments_blank_lines_and_foreign_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(f"\ufeff# clients\r\n\r\n{OLD}\r\n  {NEW}\t # the portal\r\n".encode())
    keys = Keys((SecretStr(THIRD),), str(file))
    assert [keys.name_of(k.encode()) for k in (OLD, NEW, THIRD)] == [
        name(OLD),
        name(NEW),
        name(THIRD),
    ]
    assert keys.name_of(b"# clients") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file"),
        ("", "has no key"),
        ("# only\n\n", "has no key"),
        (f"{OLD}\nshort\n", "line 2 has less than 16 characters"),
        (f"{OLD} and more words\n", "line 1 may have no blanks"),
        ("clé-0123456789-0123456789", "line 1 may have no blanks and only"),
        (b"\xff\xfe\x00", "it is no text"),
    ],
)
def test_at_start_a_file_must_be_good(tmp_path: Path, text: str | bytes | None, words: str) -> None:
    file = tmp_path / "keys"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ParamsError, match=words) as caught:
        Keys((), str(file))
    assert caught.value.fix
    assert str(file) in str(caught.value)
    assert OLD not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "words"),
    [("short", "less than 16"), ("0123456789 0123456789", "no blanks"), ("", "less than 16")],
)
def test_at_start_a_key_must_be_good(key: str, words: str) -> None:
    with pytest.raises(ParamsError, match=rf"serving\.api_keys\.1: .*{words}") as caught:
        Keys((SecretStr(OLD), SecretStr(key)), None)
    assert not key or key not in str(caught.value)


def test_another_file_takes_over_within_a_second(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "keys"
    write(file, OLD)
    keys = Keys((), str(file))
    write(file, NEW)
    clock.now += 0.9
    assert keys.name_of(OLD.encode()) == name(OLD)
    assert keys.name_of(NEW.encode()) is None
    clock.now += 0.2
    assert keys.name_of(NEW.encode()) == name(NEW)
    assert keys.name_of(OLD.encode()) is None


def test_a_file_is_looked_at_once_a_second_and_read_when_it_changed(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    write(file, OLD)
    keys = Keys((), str(file))
    looks, reads = [], []
    real_stat, real_read = os.stat, module._read
    monkeypatch.setattr(module.os, "stat", lambda path: looks.append(path) or real_stat(path))
    monkeypatch.setattr(module, "_read", lambda path: reads.append(path) or real_read(path))
    for _ in range(100):
        clock.now += 0.1
        keys.name_of(OLD.encode())
    assert 9 <= len(looks) <= 10
    assert reads == []


@pytest.mark.parametrize("bad", ["gone", "empty", "short", "folder"])
def test_the_last_keys_stay_when_the_file_goes_bad_and_one_warning_says_so(
    tmp_path: Path, clock: Clock, bad: str
) -> None:
    file = tmp_path / "keys"
    write(file, OLD)
    keys = Keys((), str(file))
    if bad == "gone":
        file.unlink()
    elif bad == "folder":
        file.unlink()
        file.mkdir()
    else:
        write(file, {"empty": "", "short": "short"}[bad])
    with capture_logs() as logs:
        for _ in range(5):
            clock.now += 2
            assert keys.name_of(OLD.encode()) == name(OLD)
            assert keys.name_of(b"short") is None
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert logs[0]["file"] == str(file)

    if bad == "folder":
        file.rmdir()
    write(file, NEW)
    with capture_logs() as logs:
        clock.now += 2
        assert keys.name_of(NEW.encode()) == name(NEW)
        assert keys.name_of(OLD.encode()) is None
        if bad == "gone":
            file.unlink()
            clock.now += 2
            assert keys.name_of(NEW.encode()) == name(NEW)
    assert [entry["log_level"] for entry in logs] == ["info", *["warning"] * (bad == "gone")]


def test_a_short_key_in_a_changed_file_is_refused_and_the_others_hold(
    tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "keys"
    write(file, OLD)
    keys = Keys((), str(file))
    write(file, f"{NEW}\ntiny-key\n")
    clock.now += 2
    with capture_logs() as logs:
        assert keys.name_of(b"tiny-key") is None
        assert keys.name_of(NEW.encode()) == name(NEW)
        assert keys.name_of(OLD.encode()) is None
    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert len(warnings) == 1
    assert "line 2" in warnings[0]["reason"]
    assert "tiny-key" not in str(logs)
    assert NEW not in str(logs)


def test_the_api_lets_in_who_has_a_key(tmp_path: Path) -> None:
    body, _ = golden_request()

    async def questions(client: httpx.AsyncClient) -> list[httpx.Response]:
        given: list[dict[str, str]] = [
            {},
            {"authorization": f"Bearer {OLD}x"},
            {"authorization": f"Bearer {OLD}"},
            {"x-api-key": OLD},
        ]
        answers = [await client.post("/predict", json=body, headers=headers) for headers in given]
        return [*answers, await client.get("/live")]

    answers = ask(workspace(tmp_path, api_keys=(SecretStr(OLD),)), questions)
    assert [answer.status_code for answer in answers] == [401, 401, 200, 200, 200]
    assert answers[0].headers["www-authenticate"] == "Bearer"
    assert OLD not in answers[1].text


def test_the_api_does_not_start_with_a_key_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="less than 16"):
        create_app(workspace(tmp_path, champion=None, api_keys=(SecretStr("short"),)))
