"""The split in time: the model is judged on later days than it was trained on.

    train days                 embargo               test days
    |-----------------------|~~~~~~~~~~~~~~~~~~~~~~|------------|
                            churn.window_days        last training.test_size

A label of day ``d`` is decided in ``(d, d + churn.window_days]``. Training days end so early that
none of their labels looks into a test day.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from churn_mlops.errors import NotEnoughDataError
from churn_mlops.params import Params

MINIMUM_ROWS = 50


@dataclass(frozen=True)
class Split:
    """Training and test days in order, and the number of days whose labels lie between them."""

    train_days: tuple[date, ...]
    test_days: tuple[date, ...]
    embargo_days: int

    def facts(self) -> dict[str, str | int]:
        """First and last days and their numbers, under the names that metrics and bundle use."""
        return {
            "train_first_day": self.train_days[0].isoformat(),
            "train_last_day": self.train_days[-1].isoformat(),
            "train_days": len(self.train_days),
            "test_first_day": self.test_days[0].isoformat(),
            "test_last_day": self.test_days[-1].isoformat(),
            "test_days": len(self.test_days),
            "embargo_days": self.embargo_days,
        }


def split_days(rows_per_day: Mapping[date, int], params: Params) -> Split:
    """Split the mature days into training and test days.

    Parameters
    ----------
    rows_per_day : mapping of date to int
        The distinct mature days of training_dataset and how many rows each has.
    params : Params
        ``training`` and ``churn.window_days``. Snapshots (``snapshot_every_days``) are counted
        from the first training day and, anew, from the first test day. ``max_rows`` holds for
        the training and for the test rows: whole days are left out, evenly spaced, and the most
        recent day stays. A single day above ``max_rows`` stays whole here; its users are sampled
        by `sampled_rows`.

    Returns
    -------
    Split
        Every training day ``d`` fulfils ``d + window_days < test_days[0]``.

    Raises
    ------
    NotEnoughDataError
        No training day or no test day is left.
    """
    days = sorted(rows_per_day)
    if not days:
        raise NotEnoughDataError(
            "training_dataset has no mature day", fix="bring more days or lower churn.window_days"
        )
    training, embargo = params.training, params.churn.window_days
    first_test, last_test = test_range(days[0], days[-1], params)
    # Nothing after this day may be trained on: its label would look into the test days.
    last_train = first_test - timedelta(days=embargo + 1)
    if training.train_end:
        last_train = min(last_train, training.train_end)
    train = [d for d in days if (training.train_start or days[0]) <= d <= last_train]
    test = [d for d in days if first_test <= d <= last_test]
    if not train or not test:
        raise _too_short(days, first_test, last_test, last_train, params)
    return Split(
        _thinned(_snapshots(train, training.snapshot_every_days), rows_per_day, training.max_rows),
        _thinned(_snapshots(test, training.snapshot_every_days), rows_per_day, training.max_rows),
        embargo,
    )


def test_range(first: date, last: date, params: Params) -> tuple[date, date]:
    """First and last test day, when the mature days run from `first` to `last`."""
    training = params.training
    if training.test_start:
        return training.test_start, training.test_end or last
    calendar_days = (last - first).days + 1
    # 0.07 * 100 is 7.000000000000001: without the slack, ceil would take a day too many.
    test_days = math.ceil(calendar_days * training.test_size - 1e-9)
    if training.max_test_days is not None:
        test_days = min(test_days, training.max_test_days)
    return last - timedelta(days=test_days - 1), last


def _snapshots(days: Sequence[date], every: int) -> list[date]:
    return [day for day in days if (day - days[0]).days % every == 0]


def _thinned(
    days: Sequence[date], rows_per_day: Mapping[date, int], max_rows: int
) -> tuple[date, ...]:
    for keep in range(len(days), 1, -1):
        chosen = {len(days) - 1 - (i * len(days)) // keep for i in range(keep)}
        kept = tuple(days[i] for i in sorted(chosen))
        if sum(rows_per_day[day] for day in kept) <= max_rows:
            return kept
    return (days[-1],)


def sampled_rows(rows: int, max_rows: int, seed: int) -> np.ndarray | None:
    """Choose rows when a set of days is larger than ``max_rows``, which only a single day can be.

    A day has one row per user, so this samples users: uniformly, without replacement, by
    NumPy's PCG64 seeded with ``training.seed``.

    Parameters
    ----------
    rows : int
        Rows there are, in the order of the table's key.
    max_rows, seed : int

    Returns
    -------
    array of bool, shape (rows,), or None
        True where the row is kept; None when all are.
    """
    if rows <= max_rows:
        return None
    keep = np.zeros(rows, dtype=bool)
    keep[np.random.default_rng(seed).choice(rows, size=max_rows, replace=False)] = True
    return keep


def validation_days(days: np.ndarray, params: Params) -> tuple[np.ndarray, np.ndarray]:
    """Split the training rows once more: to fit on, and to find the number of rounds on.

    Parameters
    ----------
    days : array of datetime64[D], shape (rows,)
        as_of_date of the training rows.
    params : Params
        ``training.validation_share`` and ``churn.window_days``: the embargo holds here, too.

    Returns
    -------
    tuple of two arrays of bool, shape (rows,)
        Rows to fit on and rows to validate on.

    Raises
    ------
    NotEnoughDataError
        No day is left to fit on.
    """
    first, last = days.min(), days.max()
    span = int((last - first).astype(int)) + 1
    length = math.ceil(span * params.training.validation_share - 1e-9)
    first_validation = last - np.timedelta64(length - 1, "D")
    fit = days + np.timedelta64(params.churn.window_days, "D") < first_validation
    if not fit.any():
        raise NotEnoughDataError(
            f"the training days {first} to {last} are too few to validate on: the last {length}"
            f" validate, and the embargo of churn.window_days = {params.churn.window_days} before"
            " them leaves no day to fit on",
            fix="bring more days, lower churn.window_days or training.validation_share, or set"
            " the number of rounds yourself: training.candidate.rounds",
        )
    return fit, days >= first_validation


def require_enough(labels: np.ndarray, part: str, split: Split) -> None:
    """Raise unless a part has enough rows and both kinds of users.

    Parameters
    ----------
    labels : array of int, shape (rows,)
        churn_label.
    part : {"train", "calibration", "test"}
        All but the test rows are rows of training days.
    split : Split

    Raises
    ------
    NotEnoughDataError
        Fewer than `MINIMUM_ROWS` rows, or one class only.
    """
    days = split.test_days if part == "test" else split.train_days
    churned = int(labels.sum())
    where = (
        f"the {part} set ({days[0]} to {days[-1]}, {len(days)} days) has {len(labels)} rows,"
        f" {churned} of them churned"
    )
    if len(labels) < MINIMUM_ROWS:
        raise NotEnoughDataError(
            f"{where}; at least {MINIMUM_ROWS} rows are needed",
            fix="bring more users or days, or lower training.snapshot_every_days",
        )
    if churned in (0, len(labels)):
        raise NotEnoughDataError(
            f"{where}; a model needs both users who stayed and users who left",
            fix="choose other days (training.test_size, train_start, test_start) or another"
            " churn.window_days",
        )


def _too_short(
    days: Sequence[date], first_test: date, last_test: date, last_train: date, params: Params
) -> NotEnoughDataError:
    window = params.churn.window_days
    return NotEnoughDataError(
        f"mature days run from {days[0]} to {days[-1]}; with test days {first_test} to {last_test}"
        f" and an embargo of churn.window_days = {window}, training days would have to lie between"
        f" {params.training.train_start or days[0]} and {last_train}: "
        + (
            "no test day is left"
            if not any(first_test <= d <= last_test for d in days)
            else "no training day is left"
        ),
        fix=f"bring at least {_days_needed(params)} days of data, or lower churn.window_days or"
        " training.test_size, or set other training.train_*/test_* days",
    )


def _days_needed(params: Params) -> int:
    """Days of data that leave one training day: window (maturity), test, embargo, one day."""
    window, size = params.churn.window_days, params.training.test_size
    return window + math.ceil((window + 1) / (1 - size)) + 1
