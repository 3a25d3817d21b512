"""The days of a time lapse as its page reads them, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from pydantic import Field

from churn_mlops.report.shapes import Shape


class Held(Shape):
    """A precondition of training."""

    check: str
    passed: bool
    binding: bool = True
    text: str = ""


class Api(Shape):
    """What came of a day's requests."""

    requests: int
    failed: int
    version: str | None = None


class Lived(Shape):
    """A line of `diary.jsonl`."""

    day: date
    users: int = 0
    risk_mean: float | None = None
    churn_true: float | None = None
    oracle_pr_auc: float | None = None
    pr_auc_estimated: float | None = None
    pr_auc_low: float | None = None
    pr_auc_high: float | None = None
    pr_auc_realised: float | None = None
    drift: str | None = None
    headline: str = ""
    validation: str = "ok"
    decision: str = "nothing"
    trigger: str = ""
    reason: str = ""
    checks: tuple[Held, ...] = ()
    gate: str | None = None
    champion: str = ""
    promoted: bool = False
    reverted: bool = False
    api: Api | None = None
    seconds: float = 0.0

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Numbers of the preconditions that did not hold."""
        return tuple(one.check for one in self.checks if one.binding and not one.passed)


class Course(Shape):
    """`summary.json`, as far as the page tells it."""

    words: str
    expected: str
    plan: dict[str, str | int]
    change: date | None = None
    learnable: date | None = None
    bad_days: tuple[date, ...] = ()
    alarms: tuple[date, ...] = ()
    first_alarm: date | None = None
    days_to_retrain: int | None = None
    retrains: tuple[date, ...] = ()
    promotions: tuple[date, ...] = ()
    refusals: tuple[date, ...] = ()
    reverts: tuple[date, ...] = ()
    waits: tuple[date, ...] = ()
    retrains_on_bad_days: tuple[date, ...] = ()
    promotions_on_bad_days: tuple[date, ...] = ()
    requests: int = 0
    failed_requests: int = 0
    pr_auc: dict[str, float | None] = Field(default_factory=dict)
    wall_seconds: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Deed:
    """Something that was decided: on one day, or the same on several days in a row.

    Parameters
    ----------
    days : tuple of Lived
    kind : {"wait", "promoted", "refused", "reverted", "trained"}
    number : int or None
        In the order of time; waiting has none.
    """

    days: tuple[Lived, ...]
    kind: str
    number: int | None = None

    @property
    def first(self) -> date:
        """Its first day."""
        return self.days[0].day

    @property
    def last(self) -> date:
        """Its last day."""
        return self.days[-1].day


def kinds(day: Lived) -> list[str]:
    """What was decided on a day."""
    found = ["reverted"] if day.reverted else []
    if day.decision == "retrain":
        found.append(day.gate or "trained")
    elif day.decision == "wait":
        found.append("wait")
    return found


def deeds(days: Sequence[Lived]) -> list[Deed]:
    """Everything that was decided, in order; days that wait for the same are one."""
    found: list[Deed] = []
    number = 0
    for day in days:
        for kind in kinds(day):
            last = found[-1] if found else None
            if kind == "wait":
                if last and last.kind == "wait" and _goes_on(last, day):
                    found[-1] = Deed((*last.days, day), "wait")
                else:
                    found.append(Deed((day,), "wait"))
            else:
                number += 1
                found.append(Deed((day,), kind, number))
    return found


def _goes_on(before: Deed, day: Lived) -> bool:
    follows = day.day - before.last == timedelta(days=1)
    return follows and before.days[-1].waits_for == day.waits_for


@dataclass(frozen=True)
class Reign:
    """The days on which one model was champion at the end of the day."""

    version: str
    days: tuple[Lived, ...]
    colour: int

    @property
    def realised(self) -> list[float]:
        """How good its lists turned out to be."""
        return [day.pr_auc_realised for day in self.days if day.pr_auc_realised is not None]


def reigns(days: Sequence[Lived]) -> list[Reign]:
    """Who was champion when; a model that comes back keeps its colour."""
    colours: dict[str, int] = {}
    found = []
    for version, group in groupby(days, key=lambda day: day.champion):
        colour = colours.setdefault(version, len(colours))
        found.append(Reign(version, tuple(group), colour))
    return found
