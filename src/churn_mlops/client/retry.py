"""When a call is tried again, and after how long; all requests of the API may be repeated."""

from __future__ import annotations

import random
from dataclasses import dataclass

# Too many requests, or a gateway or server that cannot answer now.
PASSING = frozenset({429, 502, 503, 504})
FIRST_SECONDS, LONGEST_SECONDS = 0.1, 5.0
# Longer than this nobody wants to wait within a call, whatever the server asks for.
LONGEST_ASKED_SECONDS = 30.0


@dataclass(frozen=True)
class Retry:
    """How often and when.

    Parameters
    ----------
    times : int
        After the first attempt.
    """

    times: int

    def wait(self, attempt: int, status: int | None, asked: str | None) -> float | None:
        """Seconds to wait after an attempt that failed; None to give up.

        Parameters
        ----------
        attempt : int
            From 0.
        status : int or None
            None when there was no answer.
        asked : str or None
            The answer's Retry-After.
        """
        if attempt >= self.times or (status is not None and status not in PASSING):
            return None
        if asked is not None and asked.isdigit():
            return min(float(asked), LONGEST_ASKED_SECONDS)
        # Not all clients at the same moment.
        most: float = min(FIRST_SECONDS * 2**attempt, LONGEST_SECONDS)
        return most * random.uniform(0.5, 1.0)
