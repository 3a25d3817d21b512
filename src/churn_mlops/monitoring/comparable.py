"""Like with like: which reference days a day is compared with."""

from __future__ import annotations

from datetime import date

import numpy as np

# Payments and subscriptions bunch on the first days of a month.
MONTH_START_DAYS = 3
MINIMUM_DAYS = 2
WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")

Choice = tuple[np.ndarray, str]


def comparable(days: np.ndarray, day: date) -> list[Choice]:
    """Choose the days that are most like a day.

    These are days of the same weekday that agree on being at the start of a month. Where there are
    fewer than `MINIMUM_DAYS` of them, a day is as it should be if it is like one of two groups:
    the days of its weekday, and, at the start of a month, the days there. Without any such group
    all days are taken.

    Parameters
    ----------
    days : array of datetime64[D], shape (days,)
        Distinct reference days; at least one.
    day : date

    Returns
    -------
    list of (array of bool, shape (days,), and str)
        One or two groups: which days are in it, and what they are in words.
    """
    listed: list[date] = days.astype("datetime64[D]").tolist()
    weekday = np.array([d.weekday() == day.weekday() for d in listed])
    start = np.array([d.day <= MONTH_START_DAYS for d in listed])
    at_start = day.day <= MONTH_START_DAYS
    name = WEEKDAYS[day.weekday()]
    both = weekday & (start == at_start)
    if both.sum() >= MINIMUM_DAYS:
        return [(both, f"{name} at the start of a month" if at_start else name)]
    groups = [(weekday, name)]
    groups += [(start, "days at the start of a month")] if at_start else []
    found = [(chosen, words) for chosen, words in groups if chosen.sum() >= MINIMUM_DAYS]
    return found or [(np.ones(len(listed), dtype=bool), "all reference days")]
