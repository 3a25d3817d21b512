"""A limit on how long a request may keep the server waiting.

`asyncio.timeout` costs as much as parsing a request, because it sets and cancels a timer each
time; here the requests that wait only note their deadline, and one look a second finds those that
are over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")
LOOK_SECONDS = 0.5


class Patience:
    """Awaits what arrives from outside, for a limited time.

    Parameters
    ----------
    seconds : float
        Up to `LOOK_SECONDS` more may go by.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._over: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, arriving: Awaitable[T]) -> T:
        """Await it in the current task.

        Raises
        ------
        TimeoutError
            It took too long.
        """
        task = asyncio.current_task()
        assert task is not None
        self._waiting[task] = time.monotonic() + self.seconds
        if self._timer is None:
            self._look_later()
        try:
            return await arriving
        except asyncio.CancelledError:
            # Somebody else may have cancelled it, too, such as a server that ends.
            if task in self._over and task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            self._waiting.pop(task, None)
            self._over.discard(task)

    def _look_later(self) -> None:
        wait = min(LOOK_SECONDS, self.seconds)
        self._timer = asyncio.get_running_loop().call_later(wait, self._look)

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        for task in [task for task, until in self._waiting.items() if until <= now]:
            del self._waiting[task]
            self._over.add(task)
            task.cancel()
        if self._waiting:
            self._look_later()
