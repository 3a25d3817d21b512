"""Told to end, a server first leaves; tests/integration/api ends real ones."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from churn_mlops.api.leaving import Leaving


@pytest.fixture
def told() -> Iterator[list[int]]:
    """What the handler that was there before has been told."""
    found: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        found.append(number)

    before = signal.signal(signal.SIGTERM, end)
    yield found
    signal.signal(signal.SIGTERM, before)


def test_who_was_told_before_is_told_later_and_once(told: list[int]) -> None:
    async def live() -> tuple[bool, list[int]]:
        leaving = Leaving(0.2)
        leaving.on_sigterm()
        assert not leaving.begun
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
        begun, soon = leaving.begun, list(told)
        while not told:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        return begun, soon

    assert asyncio.run(live()) == (True, [])
    assert told == [signal.SIGTERM]


def test_without_seconds_nothing_is_changed(told: list[int]) -> None:
    handler = signal.getsignal(signal.SIGTERM)

    async def live() -> None:
        Leaving(0).on_sigterm()

    asyncio.run(live())
    assert signal.getsignal(signal.SIGTERM) is handler


def test_in_another_thread_nothing_is_done(told: list[int]) -> None:
    handler = signal.getsignal(signal.SIGTERM)

    async def live() -> None:
        Leaving(1).on_sigterm()

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is handler
