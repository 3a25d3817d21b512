"""Reads a request's body: its kind, its size, its patience."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from churn_mlops.api.door import ClientGoneError, Receive, Scope
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


async def read(scope: Scope, receive: Receive, most: int, seconds: float) -> bytes:
    """The whole body.

    Parameters
    ----------
    scope, receive : of ASGI
    most : int
        Bytes.
    seconds : float
        For all of it to arrive.

    Raises
    ------
    ProblemError
        It is too large, or arrives too slowly.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > most:
            await _drain(receive)
            raise _too_large(most)
    message = None
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                body: bytes = message.get("body", b"")
                if len(body) > most:
                    raise _too_large(most)
                return body
            parts: list[bytes] = []
            size = 0
            while True:
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                part = message.get("body", b"")
                size += len(part)
                if size > most:
                    break
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
                message = await receive()
    except TimeoutError:
        raise ProblemError.of(
            "too-slow",
            f"the body did not arrive within {seconds:g} s",
            headers=[(b"connection", b"close")],
        ) from None
    await _drain(receive)
    raise _too_large(most)


async def chunks(receive: Receive, seconds: float) -> AsyncIterator[bytes]:
    """The parts of a body without end; each must arrive within `seconds`."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                message = await receive()
        except TimeoutError:
            raise ProblemError.of(
                "too-slow",
                f"nothing arrived for {seconds:g} s",
                headers=[(b"connection", b"close")],
            ) from None
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


def _too_large(most: int) -> ProblemError:
    return ProblemError.of(
        "too-large",
        f"a body may have {most / 1024:,.0f} KB; send fewer rows, or stream them",
        headers=[(b"connection", b"close")],
    )
