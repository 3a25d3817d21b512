from __future__ import annotations

import asyncio

import pytest

from churn_mlops.api.patience import Patience


async def never() -> int:
    await asyncio.Event().wait()
    return 1


async def at_once() -> int:
    return 7


def test_what_arrives_is_given_and_leaves_nothing_behind() -> None:
    patience = Patience(10)

    async def ask() -> list[int]:
        return [await patience.wait(at_once()) for _ in range(3)]

    assert asyncio.run(ask()) == [7, 7, 7]
    assert not patience._waiting


def test_what_does_not_arrive_is_a_timeout_and_the_task_goes_on() -> None:
    patience = Patience(0.01)

    async def ask() -> int:
        with pytest.raises(TimeoutError):
            await patience.wait(never())
        await asyncio.sleep(0)
        return await patience.wait(at_once())

    assert asyncio.run(ask()) == 7


def test_only_those_that_wait_too_long_are_ended() -> None:
    patience = Patience(0.2)

    async def slow(delay: float) -> int:
        await asyncio.sleep(delay)
        return 1

    async def ask() -> list[object]:
        tasks = [patience.wait(slow(delay)) for delay in (0.0, 0.01, 30.0, 30.0)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(ask())
    assert found[:2] == [1, 1]
    assert [type(each) for each in found[2:]] == [TimeoutError, TimeoutError]


def test_a_task_that_somebody_else_cancels_is_cancelled() -> None:
    patience = Patience(100)

    async def ask() -> None:
        task = asyncio.create_task(patience.wait(never()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not patience._waiting

    asyncio.run(ask())
