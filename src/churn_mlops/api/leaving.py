"""The time between being told to end and not listening any more.

Whoever sends requests here, a load balancer or a client with open connections, learns only after a
while that this server leaves. Until then it answers as ever, is not ready, and asks for each
connection to be closed, so that nobody is hung up on.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType

import structlog

log = structlog.get_logger()


class Leaving:
    """Whether the server leaves.

    Parameters
    ----------
    seconds : float
        How long it goes on listening after SIGTERM; 0: not at all.
    """

    def __init__(self, seconds: float) -> None:
        self.begun = False
        self._seconds = seconds

    def on_sigterm(self) -> None:
        """Put the wait before what SIGTERM does by now; called in the event loop.

        In another thread than the main one, as in tests, nothing is done: no signals come there.
        """
        if self._seconds == 0 or threading.current_thread() is not threading.main_thread():
            return
        loop, then = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

        def leave(number: int, frame: FrameType | None) -> None:
            if self.begun:
                return
            self.begun = True
            log.info("leaving: answers go on for a while", seconds=self._seconds)
            if callable(then):
                loop.call_soon_threadsafe(loop.call_later, self._seconds, then, number, None)

        signal.signal(signal.SIGTERM, leave)
