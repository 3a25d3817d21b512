"""Like with like: which reference days a day is compared with."""

from __future__ import annotations

from datetime import date

import numpy as np

# Payments and subscriptions bunch on the first days of a month.
MONTH_START_DAYS = 3
MINIMUM_DAYS = 2
WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


def comparable(days: np.ndarray, day: date) -> tuple[np.ndarray, str]:
    """Choose the days that are most like a day.

    First choice are days of the same weekday that agree on being at the start of a month; then
    the other days at the start of a month or, elsewhere, of the same weekday; then all. A choice
    counts when it holds at least `MINIMUM_DAYS`.

    Parameters
    ----------
    days : array of datetime64[D], shape (days,)
        Distinct reference days; at least one.
    day : date

    Returns
    -------
    tuple of array of bool, shape (days,), and str
        The chosen ones, and what they are in words.
    """
    listed: list[date] = days.astype("datetime64[D]").tolist()
    weekday = np.array([d.weekday() == day.weekday() for d in listed])
    start = np.array([d.day <= MONTH_START_DAYS for d in listed])
    at_start = day.day <= MONTH_START_DAYS
    same_part = start == at_start
    name = WEEKDAYS[day.weekday()]
    choices = [(weekday & same_part, f"{name} at the start of a month" if at_start else name)]
    if at_start:
        choices.append((start, "days at the start of a month"))
    choices.append((weekday, name))
    for chosen, words in choices:
        if chosen.sum() >= MINIMUM_DAYS:
            return chosen, words
    return np.ones(len(listed), dtype=bool), "all reference days"
