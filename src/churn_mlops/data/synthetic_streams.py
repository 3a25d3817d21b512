"""Counter-based random streams: any block and day can be drawn on its own.

Philox4x64-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3",
SC11, section 3.3) turns a key and a counter into random bits. The key holds the seed and the
purpose, the upper half of the counter the block and the day, so that streams never overlap and
nothing depends on the order, or the number of threads, in which they are drawn.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

FIRST_DAY = -4_096
"""Earliest day index that has a stream; counters cannot be negative."""


class Purpose(IntEnum):
    """What a stream is drawn for. The numbers are part of the results: never reuse one."""

    PLAN = 1
    COUNTRY = 2
    SOURCE = 3
    ACTIVITY_LEVEL = 4
    INTENSITY = 5
    TASTE = 6
    MARKET = 7
    TRANSITION = 10
    BILLING = 11
    ACTIVITY = 12
    SESSIONS = 20
    TICKETS = 21
    CHARGES = 22
    LATE = 30
    DUPLICATES = 31
    UNKNOWN_USERS = 32
    IMPOSSIBLE_VALUES = 33
    MIXED_UP = 34


def stream(seed: int, purpose: Purpose, block: int, day: int = FIRST_DAY) -> np.random.Generator:
    """Open the stream of one purpose, block of users and day.

    Parameters
    ----------
    seed : int
        The portal's seed, in [0, 2**64).
    purpose : Purpose
    block : int
        Number of the block of users, from 0.
    day : int, optional
        Day of the log, 0 being its first; negative before it. Omitted for what is drawn once
        per user.

    Raises
    ------
    ValueError
        The seed does not fit, or the day lies before `FIRST_DAY`.
    """
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed {seed} is not in [0, 2**64)")
    if day < FIRST_DAY:
        raise ValueError(f"day {day} lies before {FIRST_DAY}")
    key = np.array([seed, int(purpose)], dtype=np.uint64)
    counter = np.array([0, 0, block, day - FIRST_DAY], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
