"""A time lapse for tests of its page."""

from __future__ import annotations

from typing import Any

from churn_mlops.loop.hindsight import summed_up
from churn_mlops.loop.stage import FIRST_DAY, Plan
from churn_mlops.report.lived import Course, Lived
from tests.unit.loop.lapse import day, trains, waits

OLD, NEW = "a" * 12, "b" * 12


def diary() -> list[dict[str, Any]]:
    """A change, days that wait for two things in turn, a promotion, and the way back."""
    days = [day(n) for n in range(60)]
    days += [day(60, drift="FAIL", headline="FAIL: <b>minutes</b> moved")]
    days += [waits(n) for n in range(61, 71)]
    days += [waits(n, "CHN506") for n in range(71, 95)]
    days += [trains(95, "promoted", NEW)]
    days += [day(n, champion=NEW) for n in range(96, 100)]
    days += [day(100, reverted=True, champion=OLD, reason="the one before is better")]
    days += [day(101, validation="CHN105: 8 %", drift=None, risk_mean=None, users=0)]
    days += [day(102), trains(103, "refused", OLD)]
    api = {"requests": 9, "failed": 0, "version": OLD}
    return [{**vars(one), "api": api} for one in days]


def lived() -> list[Lived]:
    """The same as the page reads it."""
    return [Lived.model_validate(one) for one in diary()]


def summary(name: str = "price-change") -> dict[str, Any]:
    """Its summary."""
    from churn_mlops.loop.diary import Day

    return summed_up([Day(**one) for one in diary()], Plan(name, 700, 5, FIRST_DAY), 30)


def course(name: str = "price-change") -> Course:
    """The same as the page reads it."""
    return Course.model_validate(summary(name))
