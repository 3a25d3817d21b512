"""What may happen to the portal in a time lapse, and what should be done about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from churn_mlops.errors import ParamsError
from churn_mlops.params import Drift

HISTORY_DAYS = 120
"""Days of the log before the first day that is lived through."""
CHANGE_AFTER_DAYS = 60
"""Something happens so many days into the time lapse."""

Expected = Literal["nothing", "retrain"]


@dataclass(frozen=True)
class Scenario:
    """Something that happens to the portal.

    Parameters
    ----------
    name : str
    words : str
        What happens, for people.
    expected : {"nothing", "retrain"}
        What should be done: train anew, since the world is another one, or nothing, since it is
        the same and at most its recording is wrong.
    plan : callable
        The planned drift, given its first day.
    bad : int
        Days from the first on whose data is wrong.
    felt : int
        Days after the first on which a gradual change has come half the way; 0 for a sudden one.
    """

    name: str
    words: str
    expected: Expected
    plan: Callable[[date], tuple[Drift, ...]]
    bad: int = 0
    felt: int = 0

    def drift(self, start: date) -> tuple[Drift, ...]:
        """What the synthetic portal is told."""
        return self.plan(start)

    def afterwards(self, first: date) -> tuple[Drift, ...]:
        """The same change as if it had always been so, from the first day of a log on.

        Nothing for what passes: afterwards the world is as it was.
        """
        found = (change for change in self.plan(first) if change.end is None)
        return tuple(change.model_copy(update={"ramp_days": 0}) for change in found)

    def bad_days(self, start: date) -> list[date]:
        """The days whose data is wrong."""
        return [start + timedelta(days=n) for n in range(self.bad)]

    def learnable(self, start: date, window_days: int) -> date | None:
        """The first day on which the change could be known from labels; None when there is none.

        It is the day on which the first label that is all of the new world is there: that of the
        change's first day (of a gradual one, of the day on which it has come half the way).
        """
        if self.expected == "nothing":
            return None
        return start + timedelta(days=self.felt + window_days)


def _one(kind: str, **more: object) -> Callable[[date], tuple[Drift, ...]]:
    """A change that stays, or that lasts some days."""
    lasts = more.pop("days", None)

    def plan(start: date) -> tuple[Drift, ...]:
        end = start + timedelta(days=int(str(lasts)) - 1) if lasts else None
        return (Drift.model_validate({"kind": kind, "start": start, "end": end, **more}),)

    return plan


WEEK = 7
RAMP = 28

_ALL = (
    Scenario("calm", "nothing happens", "nothing", lambda _: ()),
    Scenario(
        "engagement-shift",
        f"people study less and less: within {RAMP} days the odds of an active day fall to 0.4",
        "retrain",
        _one("engagement_shift", strength=0.4, ramp_days=RAMP),
        felt=RAMP // 2,
    ),
    Scenario(
        "new-market",
        "the portal opens in another country: five sign-ups for every one before, of people who"
        " study less and leave sooner",
        "retrain",
        _one("new_market", strength=4.0),
    ),
    Scenario(
        "broken-tracking",
        "a release breaks tracking: for a week no video_watch is recorded",
        "nothing",
        _one("broken_tracking", event_type="video_watch", days=WEEK),
        bad=WEEK,
    ),
    Scenario(
        "seconds",
        "a release sends seconds for minutes: for a week watch_minutes are 60 times too large",
        "nothing",
        _one("unit_error", days=WEEK),
        bad=WEEK,
    ),
    Scenario(
        "poisoned-week",
        "for a week events are recorded with the ids of random users: features and labels mean"
        " nothing",
        "nothing",
        _one("mixed_up_users", days=WEEK),
        bad=WEEK,
    ),
    Scenario(
        "price-change",
        "prices double: payers leave four times as often, at once and without a sign before",
        "retrain",
        _one("price_change", strength=2.0),
    ),
    Scenario(
        "late-data",
        "a queue is stuck: for a week six events of ten arrive one to three days late",
        "nothing",
        _one("late_delivery", strength=0.6, days=WEEK),
        bad=WEEK,
    ),
    Scenario(
        "competitor",
        "a competitor wins over those who study most: they simply stop, six times as often",
        "retrain",
        _one("competitor", strength=6.0),
    ),
)
SCENARIOS: dict[str, Scenario] = {one.name: one for one in _ALL}


def scenario(name: str) -> Scenario:
    """Find a scenario.

    Raises
    ------
    ParamsError
        There is none of this name.
    """
    if name not in SCENARIOS:
        raise ParamsError(
            f"there is no scenario {name!r}", fix=f"take one of {', '.join(SCENARIOS)}"
        )
    return SCENARIOS[name]
