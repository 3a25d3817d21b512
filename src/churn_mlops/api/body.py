"""Reads a request's body: its kind, its size, its patience."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from churn_mlops.api.door import ClientGoneError, Receive, Scope
from churn_mlops.api.patience import Patience
from churn_mlops.api.problems import ProblemError

# What is too large is still taken in up to here and thrown away, so that the sender, who writes
# before reading, comes to read the answer.
DRAINED_BYTES = 64 << 20
DRAIN_SECONDS = 5.0


def content_type(scope: Scope) -> str:
    """The media type without parameters, in small letters.

    Raises
    ------
    ProblemError
        The body is compressed or in another encoding than UTF-8.
    """
    kind = ""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value.decode("latin-1").lower()
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise ProblemError.of("unsupported-media-type", "send the body uncompressed")
    media, _, rest = kind.partition(";")
    if "charset" in rest and rest.partition("charset=")[2].strip(' "') not in ("utf-8", "utf8"):
        raise ProblemError.of("unsupported-media-type", "send the body in UTF-8")
    return media.strip()


async def read(scope: Scope, receive: Receive, most: int, patience: Patience) -> bytes:
    """The whole body.

    Parameters
    ----------
    scope, receive : of ASGI
    most : int
        Bytes.
    patience : Patience
        For all of it to arrive.

    Raises
    ------
    ProblemError
        It is too large, or arrives too slowly.
    ClientGoneError
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > most:
            await _drain(receive)
            raise _too_large(most)
    try:
        body = await patience.wait(_whole(receive, most))
    except TimeoutError:
        raise _too_slow(f"the body did not arrive within {patience.seconds:g} s") from None
    if body is None:
        await _drain(receive)
        raise _too_large(most)
    return body


async def _whole(receive: Receive, most: int) -> bytes | None:
    """The body, or None as soon as it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part: bytes = message.get("body", b"")
        size += len(part)
        more = message.get("more_body", False)
        if size > most:
            if more:
                return None
            raise _too_large(most)
        if not more:
            return b"".join([*parts, part]) if parts else part
        parts.append(part)


async def chunks(receive: Receive, patience: Patience) -> AsyncIterator[bytes]:
    """The parts of a body without end; the patience is for each of them."""
    while True:
        try:
            message = await patience.wait(receive())
        except TimeoutError:
            raise _too_slow(f"nothing arrived for {patience.seconds:g} s") from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body", False):
            return


async def _drain(receive: Receive) -> None:
    left = DRAINED_BYTES
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
    except TimeoutError:
        return


def _too_slow(text: str) -> ProblemError:
    return ProblemError.of("too-slow", text, headers=[(b"connection", b"close")])


def _too_large(most: int) -> ProblemError:
    return ProblemError.of(
        "too-large",
        f"a body may have {most / 1024:,.0f} KB; send fewer rows, or stream them",
        headers=[(b"connection", b"close")],
    )
