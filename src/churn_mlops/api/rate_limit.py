"""How often a client may ask."""

from __future__ import annotations

import time
from collections import OrderedDict

# Clients that are remembered; about 20 MB.
MOST_CLIENTS = 100_000
# Clients that a new one has looked at, to forget those whose allowance is whole again.
LOOKS = 4
# Sums of many fractions of a second are this exact, whatever the clock says.
EXACT_SECONDS = 1e-6


class RateLimit:
    """Lets each client in `burst` times at once, and `per_second` times a second after that.

    One number a client: the moment at which its allowance is whole again (the generic cell rate
    algorithm: a token bucket without tokens). A client whose moment is past is like a new one and
    is forgotten, little by little as new ones come. Only where there are too many whose moment is
    still to come, one of these is forgotten, too.

    Parameters
    ----------
    per_second : float
        Above 0.
    burst : int
        At least 1.
    most_clients : int
        Clients that are remembered.
    """

    def __init__(self, per_second: float, burst: int, most_clients: int = MOST_CLIENTS) -> None:
        self._gap = 1.0 / per_second
        self._room = (burst - 1) * self._gap + EXACT_SECONDS
        self._most = most_clients
        self._whole_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Clients that are remembered."""
        return len(self._whole_at)

    def take(self, client: str, now: float | None = None) -> float:
        """Take one request out of a client's allowance, if there is one left.

        Parameters
        ----------
        client : str
        now : float, optional
            Seconds of a clock that never goes back; by default the monotonic one.

        Returns
        -------
        float
            0 when the request may go on, else the seconds after which one may.
        """
        if now is None:
            now = time.monotonic()
        whole_at = self._whole_at.get(client)
        if whole_at is None:
            self._forget(now)
            whole_at = now
        elif whole_at < now:
            whole_at = now
        if whole_at - now > self._room:
            return whole_at - now - self._room + EXACT_SECONDS
        self._whole_at[client] = whole_at + self._gap
        return 0.0

    def _forget(self, now: float) -> None:
        """Make room for a client: each call looks at those that were looked at longest ago."""
        known = self._whole_at
        for _ in range(min(LOOKS, len(known))):
            client, whole_at = known.popitem(last=False)
            if whole_at > now:
                known[client] = whole_at
        if len(known) >= self._most:
            known.popitem(last=False)
