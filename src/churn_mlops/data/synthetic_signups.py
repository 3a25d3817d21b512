"""When users sign up: a closed form, so that no count depends on how many days are generated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from churn_mlops.data.synthetic_drift import effects
from churn_mlops.params.tree import Drift

Ints = npt.NDArray[np.int64]

HISTORY_DAYS = 365
"""The portal opened so many days before the log starts."""
REFERENCE_DAYS = 120
"""After so many days `users` have signed up; the rate stays the same afterwards."""
GROWTH_DAYS = 120.0
"""Before the log, the rate of sign-ups grew e-fold in so many days."""
SIGNUP_WEEK = np.array([17, 16, 16, 15, 13, 11, 12])
"""Relative number of sign-ups, Monday to Sunday."""
THOUSAND = 1_000
"""Sign-ups from new markets are counted in thousandths of the ordinary ones."""


def signups(users: int, start: date, last_day: int, drift: Sequence[Drift] = ()) -> Ints:
    """Users who have signed up by the end of each day from ``-HISTORY_DAYS`` to `last_day`.

    Four fifths come before the log, at a rate that grows; the others at a constant weekly
    rhythm that makes `users` on day ``REFERENCE_DAYS - 1`` and goes on.

    Parameters
    ----------
    users : int
        The parameter ``users``.
    start : date
        First day of the log; decides the weekday of day 0.
    last_day : int
        Last day wanted, at least 0.
    drift : sequence of Drift, optional
        New markets bring further sign-ups, from the first day of the log at the earliest.

    Returns
    -------
    int64 array of shape (HISTORY_DAYS + last_day + 1,)
    """
    late = users // 5
    early = users - late
    past = np.arange(-HISTORY_DAYS, 0)
    weight = np.exp(past / GROWTH_DAYS) * SIGNUP_WEEK[(start.weekday() + past) % 7]
    before = np.floor(early * (np.cumsum(weight) / weight.sum())).astype(np.int64)
    before[-1] = early
    # Whole numbers throughout, so that no count depends on how far the sums are carried on.
    days = np.arange(max(last_day + 1, REFERENCE_DAYS))
    rhythm = np.cumsum(SIGNUP_WEEK[(start.weekday() + days) % 7])
    after = early + late * rhythm // rhythm[REFERENCE_DAYS - 1]
    if any(change.kind == "new_market" for change in drift):
        on = (start + timedelta(days=int(day)) for day in days)
        added = np.array([round(effects(drift, day).new_market * THOUSAND) for day in on])
        extra = np.cumsum(SIGNUP_WEEK[(start.weekday() + days) % 7] * added)
        after = after + late * extra // (rhythm[REFERENCE_DAYS - 1] * THOUSAND)
    counts: Ints = np.concatenate([before, after[: last_day + 1]])
    return counts
