"""Tries something that may work later, with longer and longer waits."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

LONGEST_WAIT_SECONDS = 300.0

log = structlog.get_logger()


class TryAgainError(Exception):
    """It did not work, and may work later.

    Parameters
    ----------
    why : str
    after : float, optional
        Seconds that the other side asks to wait.
    """

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class RefusedError(Exception):
    """It did not work, and will not without a change."""


def backoff(tried: int, seconds: float) -> float:
    """How long to wait after so many tries: each time twice as long, up to a longest wait.

    Parameters
    ----------
    tried : int
        At least 1.
    seconds : float
        The first wait; when it is longer than the longest, every wait is as long.
    """
    longest = max(seconds, LONGEST_WAIT_SECONDS)
    # A float holds no 2 ** 1024; the longest wait is reached long before.
    return float(min(seconds * 2 ** min(tried - 1, 60), longest))


def wait_seconds(tried: int, seconds: float, after: float | None) -> float:
    """`backoff`, or what the other side asks for when that is longer, within the longest wait."""
    asked = min(max(after or 0.0, 0.0), LONGEST_WAIT_SECONDS)
    return max(backoff(tried, seconds), asked)


def deliver(send: Callable[[], None], channel: str, tries: int, backoff_seconds: float) -> int:
    """Send until it works; how many tries that took.

    Parameters
    ----------
    send : callable
        Raises `TryAgainError` or `RefusedError`.
    channel : str
        Its name, for the log.
    tries : int
    backoff_seconds : float

    Raises
    ------
    RefusedError
        It was refused, or every try failed.
    """
    for tried in range(1, tries + 1):
        try:
            send()
        except TryAgainError as error:
            if tried == tries:
                times = "once" if tries == 1 else f"{tries} times"
                raise RefusedError(f"{error} (tried {times})") from error
            wait = wait_seconds(tried, backoff_seconds, error.after)
            log.warning(
                "not delivered, trying again",
                channel=channel,
                attempt=tried,
                of=tries,
                error=str(error),
                wait_seconds=wait,
            )
            time.sleep(wait)
        else:
            return tried
    raise AssertionError("there is at least one try")
