"""Shares new connections among the workers of one server.

All of them are woken by a new connection, and the first would take all that wait: a client that
opens its connections at once, as every pool does, would be served by one worker for as long as
they live. So each lets the others have a turn before it takes the next one.
"""

from __future__ import annotations

import time
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Long enough for another process to wake up.
TURN_SECONDS = 0.0002


class FairProtocol(HttpToolsProtocol):
    """uvicorn's protocol, made once per connection just after it was taken."""

    def __init__(self, *given: Any, **named: Any) -> None:
        time.sleep(TURN_SECONDS)
        super().__init__(*given, **named)
