"""One JSON line per request, without personal data: no user, no address, no raw path."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

FLUSH_SECONDS = 0.2
# Lines beyond are dropped and counted: a log that nobody reads must not fill the memory.
MOST_LINES = 50_000


class AccessLog:
    """Collects lines and writes many at once, beside the event loop.

    A line is put together by hand: its texts are route templates, methods and ids that have been
    checked before, and a serializer would cost more than scoring a user.

    Parameters
    ----------
    descriptor : int
        Where the lines go; 2 is stderr.
    """

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None
        self._second, self._prefix = -1, ""
        self.dropped = 0

    def add(
        self, request_id: str, method: str, route: str, status: int, seconds: float, model: str
    ) -> None:
        """Note a request that has been answered."""
        if len(self._lines) >= MOST_LINES:
            self.dropped += 1
            return
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        self._lines.append(
            f'{{"timestamp":"{self._prefix}.{int((now - second) * 1000):03d}Z","event":"request",'
            f'"request_id":"{request_id}","method":"{method}","route":"{route}",'
            f'"status":{status},"seconds":{seconds:.6f},"model_version":"{model}"}}\n'
        )
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(FLUSH_SECONDS, self._flush, loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._writing is not None and not self._writing.done():
            # Whoever reads the log is slow: the next lines wait, the requests do not.
            self._timer = loop.call_later(FLUSH_SECONDS, self._flush, loop)
            return
        self._timer = None
        self._writing = loop.run_in_executor(None, self._write, self._take())

    def _take(self) -> bytes:
        lines, self._lines = self._lines, []
        if self.dropped:
            lines.append(f'{{"event":"request log too slow","dropped":{self.dropped}}}\n')
            self.dropped = 0
        return "".join(lines).encode()

    def _write(self, text: bytes) -> None:
        # Without a reader or without room on the disk there is nobody to tell.
        with contextlib.suppress(OSError):
            while text:
                text = text[os.write(self._descriptor, text) :]

    async def close(self) -> None:
        """Write what is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await self._writing
        self._write(self._take())
