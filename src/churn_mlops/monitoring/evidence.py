"""What is known when it is decided whether to train anew: values only, read by `retrain_files`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from churn_mlops.data.bad_days import BadDay


@dataclass(frozen=True)
class Checked:
    """What a drift check said of a day.

    Parameters
    ----------
    day : date
    version : str
        The champion that the day was compared with.
    status : str
        OK, WARN or FAIL.
    upstream : tuple of str
        Numbers and words of what looks like a fault of whoever delivers the data, at FAIL.
    moved : tuple of str
        Columns in which something else failed.
    headline : str
    """

    day: date
    version: str
    status: str
    upstream: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    headline: str = ""

    @property
    def failed(self) -> bool:
        """Whether the status is FAIL."""
        return self.status == "FAIL"


@dataclass(frozen=True)
class Fallen:
    """A metric that is below its floor, beyond chance.

    Parameters
    ----------
    day : date
        Of the batch.
    text : str
        Which metric, and how far.
    """

    day: date
    text: str


@dataclass(frozen=True)
class Trial:
    """The first days of a new champion, in which the one before is scored along.

    Parameters
    ----------
    champion, before : str
        Versions.
    since : date
        Last day of the data at the promotion; the first day that counts is the one after it.
    days : int
        How many days it takes.
    """

    champion: str
    before: str
    since: date
    days: int

    @property
    def until(self) -> date:
        """The last day that counts."""
        return self.since + timedelta(days=self.days)


@dataclass(frozen=True)
class Lost:
    """A probation after which the champion before was put back.

    Parameters
    ----------
    champion : str
        Version of the model that lost.
    since : date
        Last day of the data at its promotion; its first day is the one after it.
    """

    champion: str
    since: date


@dataclass(frozen=True)
class Evidence:
    """Everything that the decision depends on.

    Parameters
    ----------
    day : date
        The last day of the data: what "today" is.
    first_day : date
        The first day of the log.
    champion : str
        Version of the present champion.
    tested_until : date
        Its last test day: it has seen nothing later.
    drift : tuple of Checked
        Drift checks in the order of their days, of whichever champion.
    fallen : tuple of Fallen
        Of the present champion.
    rejected : str or None
        Why the latest day did not pass validation.
    bad : tuple of BadDay
    trained : date or None
        Last day of the data when a model was last trained; None when nobody knows.
    retrained : tuple of date
        The same of each time that this command trained one.
    for_change : date or None
        The same of the last training, when it was for drift or performance.
    taken_back : date or None
        Last day of the data when a champion was last taken out again, by its probation or by hand.
    trial : Trial or None
        That is under way.
    lost : Lost or None
        The last one, when it was lost and nothing was promoted since.
    """

    day: date
    first_day: date
    champion: str
    tested_until: date
    drift: tuple[Checked, ...] = ()
    fallen: tuple[Fallen, ...] = ()
    rejected: str | None = None
    bad: tuple[BadDay, ...] = ()
    trained: date | None = None
    retrained: tuple[date, ...] = ()
    for_change: date | None = None
    taken_back: date | None = None
    trial: Trial | None = None
    lost: Lost | None = None

    @property
    def own_drift(self) -> tuple[Checked, ...]:
        """The drift checks against the present champion."""
        return tuple(one for one in self.drift if one.version == self.champion)

    def recent_drift(self, days: int) -> tuple[Checked, ...]:
        """Those of so many days up to the last one.

        A champion that was put back has old checks, from before it was replaced: they say nothing
        of today.
        """
        first = self.day - timedelta(days=days - 1)
        return tuple(one for one in self.own_drift if first <= one.day <= self.day)
