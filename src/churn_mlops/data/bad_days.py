"""Days whose data is not to be learned from: data/raw/bad_days.json.

Such a day is in the tables, and its users were scored, but no model is trained or tested on what
it may have spoiled. Features look back, so it spoils the rows of the days after it; labels look
ahead, so when activity itself may be wrong it also spoils those of the days before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from churn_mlops.files import read_json, write_json
from churn_mlops.params import Params


@dataclass(frozen=True)
class BadDay:
    """A day that is not learned from.

    Parameters
    ----------
    day : date
    check : str
        Number of the check that found it, such as ``CHN405``.
    why : str
        In words.
    labels : bool
        Activity itself may be wrong: labels that look at the day are as well.
    """

    day: date
    check: str
    why: str
    labels: bool


def bad_days_path(params: Params) -> Path:
    """Where the bad days are kept: beside the raw tables, as they say something about them."""
    return Path(params.paths.data) / "raw" / "bad_days.json"


def read_bad_days(params: Params) -> list[BadDay]:
    """Read the bad days, the earliest first; none when there is no file.

    Raises
    ------
    ContractError
        The file is damaged.
    """
    fix = 'mend it by hand; none is {"days": []}'
    return read_json(bad_days_path(params), _parsed, fix) or []


def _parsed(body: Any) -> list[BadDay]:
    return [
        BadDay(date.fromisoformat(one["day"]), one["check"], one["why"], one["labels"] is True)
        for one in body["days"]
    ]


def write_bad_days(params: Params, days: Iterable[BadDay]) -> None:
    """Write all bad days, a day and check once."""
    known = {(one.day, one.check): one for one in days}
    body = [asdict(one) | {"day": one.day.isoformat()} for _, one in sorted(known.items())]
    write_json(bad_days_path(params), {"days": body})


def mark(params: Params, *found: BadDay) -> list[BadDay]:
    """Add bad days and return those that were not known; what a check said before is replaced."""
    known = read_bad_days(params)
    before = {(one.day, one.check) for one in known}
    if any(one not in known for one in found):
        write_bad_days(params, [*known, *found])
    return [one for one in found if (one.day, one.check) not in before]


def unmark(params: Params, day: date, checks: Collection[str] | None = None) -> list[BadDay]:
    """Take a day off and return what was known about it.

    Parameters
    ----------
    params : Params
    day : date
    checks : collection of str, optional
        Only what these checks found: they find it no more. All by default: the day was mended.
    """
    known = read_bad_days(params)
    gone = [one for one in known if one.day == day and (checks is None or one.check in checks)]
    if gone:
        write_bad_days(params, [one for one in known if one not in gone])
    return gone


def spoiled(bad: Iterable[BadDay], params: Params) -> set[date]:
    """The days whose rows a model may neither be trained nor tested on.

    A bad day spoils the features of itself and of every day whose longest window reaches back to
    it; with `BadDay.labels` also the labels of the ``churn.window_days`` before it.
    """
    longest, horizon = max(params.features.windows_days), params.churn.window_days
    days: set[date] = set()
    for one in bad:
        first = -horizon if one.labels else 0
        days |= {one.day + timedelta(days=n) for n in range(first, longest)}
    return days


def clouded(bad: Iterable[BadDay], params: Params) -> set[date]:
    """The days on which nobody knows who is there: activity of a bad day still decides it."""
    reach = range(membership_days(params))
    return {one.day + timedelta(days=n) for one in bad if one.labels for n in reach}


def membership_days(params: Params) -> int:
    """Days, its own included, whose activity decides who is there on a day."""
    return params.churn.active_within_days or max(params.features.windows_days)
