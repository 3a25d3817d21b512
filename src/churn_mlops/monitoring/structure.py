"""Checks of what a day's data consists of: columns, event types, users, units.

These are faults of whoever delivers the data. They are judged against the reference rows and the
weeks before, not by a distribution test, so that the very first day tells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from churn_mlops.monitoring.findings import CONSTANT, GONE, UNIT, VANISHED, VOLUME, Finding

# Long enough to have seen every day of the month: some have no payments at all.
HISTORY_DAYS = 92
USUAL_DAYS = 28
MONTH_END = 29
# Without so many days of the same weekday nothing is said of events.
FEWEST_ALIKE = 2
# A column may be constant for a day by chance, when its commonest value is common and users few.
BY_CHANCE = 1e-6
MINIMUM_ROWS = 50
# Events of a type that a day needs to have had for its silence to say something.
EXPECTED_EVENTS = 10.0
FEWER, FAR_FEWER = 0.75, 0.6
# Factors between units that are mixed up: seconds and minutes, milli and one, cents, hours, days.
UNIT_FACTORS = (60.0, 3600.0, 1000.0, 100.0, 24.0)
UNIT_TOLERANCE = 0.15
UNIT_QUANTILES = (0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class History:
    """Totals of the day and of the days before it, oldest first, the day itself last.

    Parameters
    ----------
    days : sequence of date
    events : mapping of str to array, each of shape (days,)
        Events of each counted kind, by the name of its daily column.
    users : array of int, shape (days,)
        Eligible users.
    """

    days: Sequence[date]
    events: Mapping[str, np.ndarray]
    users: np.ndarray


def gone(wanted: Iterable[str], present: Iterable[str]) -> list[Finding]:
    """Columns of the model that the table does not have."""
    there = set(present)
    return [
        Finding(
            GONE,
            "FAIL",
            name,
            f"{name} is gone: the table has no such column, or none of its type",
            True,
        )
        for name in wanted
        if name not in there
    ]


def constant(
    name: str, reference: np.ndarray, day: np.ndarray, current: np.ndarray
) -> Finding | None:
    """A column that had several values and now has one, or none at all.

    Chance is judged by the reference day on which that value was commonest: some days of a month
    have no payments.

    Parameters
    ----------
    name : str
    reference, current : array, shape (n,) and (m,)
        Raw values; missing ones are NaN or None.
    day : array of int, shape (n,)
        Number of the reference day of each row.
    """
    now = _distinct(current)
    if len(current) < MINIMUM_ROWS or len(now) > 1:
        return None
    value = next(iter(now))
    rows = np.bincount(day)
    commonest = ((np.bincount(day, _equal(reference, value)) + 1) / (rows + 1))[rows > 0].max()
    if commonest ** len(current) > BY_CHANCE:
        return None
    several = len(_distinct(reference))
    what = "has no value any more" if value is None else f"is {_plain(value)} for everybody"
    had = f"{several:,} different values" if several > 1 else "another one"
    return Finding(CONSTANT, "FAIL", name, f"{name} {what}; it had {had}", True)


def unit_change(name: str, reference: np.ndarray, current: np.ndarray) -> Finding | None:
    """Numbers that are larger or smaller by one factor throughout, which units are known to do.

    The quartiles and the 90 % quantile of the positive values must all have moved by the factor,
    to within 15 %.
    """
    before, now = _positive(reference), _positive(current)
    if min(len(before), len(now)) < MINIMUM_ROWS:
        return None
    ratios = np.quantile(now, UNIT_QUANTILES) / np.quantile(before, UNIT_QUANTILES)
    for factor in UNIT_FACTORS:
        for wanted, word in ((factor, "larger"), (1 / factor, "smaller")):
            if np.all(np.abs(ratios / wanted - 1) <= UNIT_TOLERANCE):
                then, after = float(np.median(before)), float(np.median(now))
                text = (
                    f"{name} is {factor:g} times {word} than in the reference (median of what is"
                    f" above zero {then:.4g}, now {after:.4g}): it looks like another unit"
                )
                return Finding(UNIT, "FAIL", name, text, True)
    return None


def sound(history: History, bad: Collection[date]) -> History:
    """The history without bad days, so that a loss that lasts does not become what is usual.

    The day itself stays. Where fewer than two sound days have its weekday, the newest bad ones of
    them stay: better a mild judge than none.

    Parameters
    ----------
    history : History
    bad : collection of date
    """
    day, before = history.days[-1], history.days[:-1]
    alike = [one for one in before if one.weekday() == day.weekday()]
    lacking = FEWEST_ALIKE - sum(one not in bad for one in alike)
    marked = [one for one in alike if one in bad]
    kept = {day, *(marked[-lacking:] if lacking > 0 else ())}
    rows = [n for n, one in enumerate(history.days) if one not in bad or one in kept]
    return History(
        [history.days[n] for n in rows],
        {name: totals[rows] for name, totals in history.events.items()},
        history.users[rows],
    )


def volume(history: History, clouded: Collection[date] = ()) -> Iterator[Finding]:
    """Event types that fell silent or nearly so, and users that are far fewer than before.

    More users than before are growth, or rows that came twice: told, but no fault.

    Parameters
    ----------
    history : History
    clouded : collection of date
        Days whose number of users tells nothing; where there is no other, all of them count.
    """
    day = history.days[-1]
    before = history.days[:-1]
    alike = np.array([d.weekday() == day.weekday() for d in before], dtype=bool)
    same_date = np.array(
        [min(d.day, MONTH_END) == min(day.day, MONTH_END) for d in before], dtype=bool
    )
    for name, totals in history.events.items():
        past, now = totals[:-1], int(totals[-1])
        like, dated = past[alike], past[same_date]
        if len(like) < FEWEST_ALIKE:
            continue
        usually = min(like.mean(), dated.mean() if len(dated) else np.inf)
        if usually < EXPECTED_EVENTS:
            continue
        least = float(past[alike | same_date].min())
        usual = f"{usually:,.0f} on such days of the last {len(past)}"
        if now == 0 and least > 0:
            yield Finding(VANISHED, "FAIL", name, f"{name}: no event on {day}, but {usual}", True)
        elif now < least / 2 - 3 * np.sqrt(least):
            yield Finding(
                VOLUME, "FAIL", name, f"{name}: {now:,} events on {day}, but {usual}", True
            )
    clear = np.array([d not in clouded for d in before], dtype=bool)
    past = history.users[:-1][clear if clear.any() else slice(None)][-USUAL_DAYS:]
    if len(past) and np.median(past) >= MINIMUM_ROWS:
        share = float(history.users[-1] / np.median(past))
        text = (
            f"{history.users[-1]:,} users to score on {day}, but {np.median(past):,.0f} on a usual"
            f" day of the last {len(past)}"
        )
        if share < FAR_FEWER:
            yield Finding(VOLUME, "FAIL", None, text, True)
        elif share < FEWER or share > 1 / FEWER:
            yield Finding(VOLUME, "WARN", None, text, share < 1)


def _distinct(values: np.ndarray) -> dict[object, int]:
    """Different values and how often each is there; None stands for missing ones."""
    if values.dtype == object:
        cells = [None if cell is None or cell != cell else cell for cell in values.tolist()]
        found: dict[object, int] = {}
        for cell in cells:
            found[cell] = found.get(cell, 0) + 1
        return found
    numbers = np.asarray(values, dtype=np.float64)
    unique, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    result: dict[object, int] = dict(zip(unique.tolist(), counts.tolist(), strict=True))
    missing = len(numbers) - int(counts.sum())
    return result | ({None: missing} if missing else {})


def _equal(values: np.ndarray, value: object) -> np.ndarray:
    missing = np.array([cell is None or cell != cell for cell in values.tolist()], dtype=bool)
    return missing if value is None else np.asarray(values == value, dtype=bool) & ~missing


def _positive(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return np.array([])
    numbers = np.asarray(values, dtype=np.float64)
    return numbers[np.isfinite(numbers) & (numbers > 0)]


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"'{value}'"
