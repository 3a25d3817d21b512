"""How often a client may ask: a leaky bucket as one number per client (GCRA).

Source: ATM Forum, Traffic Management Specification 4.1 (1999), section 4.4.2, the Generic Cell
Rate Algorithm in its form of virtual scheduling.
"""

from __future__ import annotations

import time

MOST_CLIENTS = 100_000
# Seconds; a client that waits as long as it was told must not suffer from the last digit.
ROUNDING = 1e-6


class RateLimit:
    """Lets each client ask `per_second` times a second, and `burst` times at once.

    Parameters
    ----------
    per_second : float
    burst : int
    most_clients : int
        Known at a time; beyond, whoever came first is forgotten, which can only let more in.
    """

    def __init__(self, per_second: float, burst: int, most_clients: int = MOST_CLIENTS) -> None:
        self._step = 1.0 / per_second
        self._tolerance = (burst - 1) * self._step
        self._due: dict[str, float] = {}
        self._most = most_clients

    def take(self, client: str, now: float | None = None) -> float:
        """Count a request.

        Parameters
        ----------
        client : str
        now : float, optional
            Seconds of a clock that never goes back; this machine's monotonic one.

        Returns
        -------
        float
            Seconds to wait before asking again; 0 when the request may pass.
        """
        now = time.monotonic() if now is None else now
        due = max(self._due.get(client, now), now)
        early = due - now - self._tolerance
        if early > ROUNDING:
            return early
        # Put at the end: those at the beginning have not asked for longest.
        self._due.pop(client, None)
        self._due[client] = due + self._step
        if len(self._due) > self._most:
            del self._due[next(iter(self._due))]
        return 0.0
