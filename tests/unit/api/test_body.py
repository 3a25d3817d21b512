from __future__ import annotations

import asyncio
from typing import Any

import pytest

from churn_mlops.api import body
from churn_mlops.api.body import chunks, content_type, read
from churn_mlops.api.door import ClientGoneError
from churn_mlops.api.patience import Patience
from churn_mlops.api.problems import ProblemError

PATIENCE = Patience(10)


def receiving(*parts: bytes | None) -> Any:
    """A connection over which these parts come, None for a client that hangs up."""
    left = list(parts)

    async def receive() -> dict[str, Any]:
        part = left.pop(0)
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    receive.left = left  # type: ignore[attr-defined]
    return receive


def scope(**headers: str) -> dict[str, Any]:
    return {
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ]
    }


def asked(receive: Any, most: int = 10, **headers: str) -> bytes:
    return asyncio.run(read(scope(**headers), receive, most, PATIENCE))


def test_a_body_is_put_together() -> None:
    assert asked(receiving(b"abc")) == b"abc"
    assert asked(receiving(b"ab", b"", b"cd")) == b"abcd"
    assert asked(receiving(b"x" * 10)) == b"x" * 10


@pytest.mark.parametrize("parts", [(b"x" * 11,), (b"x" * 6, b"x" * 6, b"x" * 90)])
def test_what_is_too_large_is_refused_and_taken_in(parts: tuple[bytes, ...]) -> None:
    receive = receiving(*parts)
    with pytest.raises(ProblemError, match="too-large"):
        asked(receive)
    assert receive.left == []


def test_a_length_that_says_too_much_is_refused_before_it_comes() -> None:
    with pytest.raises(ProblemError, match="too-large"):
        asked(receiving(b"x"), content_length="11")


def test_draining_ends_somewhere(monkeypatch: Any) -> None:
    monkeypatch.setattr(body, "DRAINED_BYTES", 100)
    receive = receiving(*[b"x" * 50] * 100)
    with pytest.raises(ProblemError, match="too-large"):
        asked(receive)
    assert len(receive.left) > 90


def test_a_client_that_hangs_up_is_gone() -> None:
    with pytest.raises(ClientGoneError):
        asked(receiving(b"x", None))


def test_a_body_that_does_not_come_is_too_slow() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(ProblemError, match="too-slow"):
        asyncio.run(read(scope(), receive, 10, Patience(0.01)))


def test_chunks_come_one_by_one() -> None:
    async def all_of(*parts: bytes | None) -> list[bytes]:
        return [part async for part in chunks(receiving(*parts), PATIENCE)]

    assert asyncio.run(all_of(b"a", b"", b"b")) == [b"a", b"b"]
    with pytest.raises(ClientGoneError):
        asyncio.run(all_of(b"a", None))


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=UTF-8", "application/json"),
        ('application/json; charset="utf8"', "application/json"),
        ("", ""),
    ],
)
def test_the_content_type_is_read_as_people_write_it(given: str, kind: str) -> None:
    assert content_type(scope(content_type=given)) == kind


def test_other_encodings_are_refused() -> None:
    with pytest.raises(ProblemError, match="UTF-8"):
        content_type(scope(content_type="application/json; charset=latin-1"))
    with pytest.raises(ProblemError, match="uncompressed"):
        content_type(scope(content_encoding="gzip"))
    assert content_type(scope(content_encoding="identity")) == ""
