"""A made-up portal for benchmarks/drift.py: 36 columns of every kind, users who differ, days too.

People have attributes that never change and habits; half a percent of them is replaced every day,
so that the reference's rows are many of the same people, and of those who are checked months later
not all are among them. Three columns have one value only. A day multiplies all counts by its
weekday and by a little luck of its own, and payments bunch at the start of a month: without drift,
days are not alike either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import numpy as np

from churn_mlops.monitoring.reference import RISK, Reference, reference_of
from churn_mlops.monitoring.structure import HISTORY_DAYS, History
from churn_mlops.registry.profile import MAXIMUM_ROWS, Profile

WEEKDAY = (1.0, 1.05, 1.1, 1.05, 0.95, 0.75, 0.8)
DAY_LUCK = 0.03
COUNTRIES = ("US", "IN", "BR", "DE", "NG")
COUNTRY_SHARE = (0.4, 0.25, 0.15, 0.12, 0.08)
STATIC = ("country", "plan", "source", "currency")
START = date(2025, 1, 6)
REFERENCE_DAYS = 84

Values = dict[str, np.ndarray]


def people(rng: np.random.Generator, users: int) -> Values:
    """What never changes about three times as many people as are there on any day."""
    count = 3 * users
    made: Values = {
        "taste": rng.gamma(2.0, 0.5, count),
        "habit": rng.normal(size=count),
        "tenure": rng.exponential(200, count),
        "country": rng.choice(COUNTRIES, count, p=COUNTRY_SHARE).astype(object),
        "plan": rng.choice(("free", "pro", "team"), count, p=(0.6, 0.3, 0.1)).astype(object),
        "source": rng.choice(("ads", "friend", "search"), count).astype(object),
        "currency": np.full(count, "EUR", dtype=object),
    }
    return made


def present(day: date, users: int) -> np.ndarray:
    """Who is there on a day: one in 200 leaves every day, another comes."""
    gone = (day - START).days * users // 200
    return (gone + np.arange(users)) % (3 * users)


def values(rng: np.random.Generator, day: date, who: Values) -> Values:
    """All columns of some people on a day: half of what they do is habit."""
    busy = WEEKDAY[day.weekday()] * float(np.exp(DAY_LUCK * rng.normal()))
    users = len(who["taste"])
    made: Values = {name: who[name].copy() for name in ("tenure", *STATIC)}
    for i, rate in enumerate((0.4, 1.0, 2.0, 4.0, 8.0, 15.0)):
        made[f"visits_{i}"] = rng.poisson(rate * who["taste"] * busy).astype(float)
    for i in range(6):
        level = 2.0 + 0.3 * i + 0.56 * (who["habit"] + rng.normal(size=users))
        made[f"minutes_{i}"] = np.where(rng.random(users) < 0.3, 0.0, np.exp(level))
    for i, share in enumerate((0.02, 0.05, 0.2, 0.5)):
        made[f"flag_{i}"] = (rng.random(users) < share).astype(float)
    for i, share in enumerate((0.92, 0.8, 0.6)):
        made[f"tickets_{i}"] = np.where(rng.random(users) < share, 0.0, rng.poisson(1.5, users) + 1)
    for i in range(4):
        level = 65 + 3 * i + 10.6 * (who["habit"] + rng.normal(size=users))
        made[f"score_{i}"] = np.clip(level, 0, 100)
    made["score_3"][rng.random(users) < 0.3] = np.nan
    a = (who["habit"] + rng.normal(size=users)) / np.sqrt(2)
    made["sessions"] = np.exp(a)
    made["pages"] = np.exp(0.8 * a + 0.6 * rng.normal(size=users))
    made["payments"] = (rng.random(users) < (0.3 if day.day <= 3 else 0.02)).astype(float)
    made["quizzes"] = rng.poisson(0.5 * busy, users).astype(float)
    made["refunds"], made["calls"] = np.zeros(users), np.zeros(users)
    made["recency"] = np.minimum(rng.geometric(0.3, users) - 1, 29).astype(float)
    logit = -1.5 + 0.25 * made["recency"] - 0.4 * np.log1p(made["visits_3"])
    made[RISK] = 1 / (1 + np.exp(-(logit + 0.8 * rng.normal(size=users))))
    return made


def on(rng: np.random.Generator, day: date, who: Values, users: int) -> Values:
    """The columns of those who are there on a day."""
    there = present(day, users)
    return values(rng, day, {name: column[there] for name, column in who.items()})


def reference(rng: np.random.Generator, who: Values, users: int) -> Reference:
    """Reference rows: 84 days, as many users a day as fit into a bundle."""
    per_day = min(users, MAXIMUM_ROWS // REFERENCE_DAYS)
    days = [START + timedelta(days=n) for n in range(REFERENCE_DAYS)]
    parts, ids = [], []
    for day in days:
        there = rng.choice(present(day, users), per_day, replace=False)
        parts.append(values(rng, day, {name: column[there] for name, column in who.items()}))
        ids.append(there)
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    risks = columns.pop(RISK)
    stamps = np.repeat(np.array(days, dtype="datetime64[D]"), per_day)
    labels = np.zeros(len(risks), dtype=int)
    profile = Profile(columns, stamps, np.concatenate(ids), risks, labels)
    weights = rng.dirichlet(np.ones(len(columns)))
    return reference_of(profile, dict(zip(columns, weights.tolist(), strict=True)))


def history(rng: np.random.Generator, day: date, made: Values) -> History:
    """The days before, like the day itself in size."""
    users = len(made["quizzes"])
    days = [day - timedelta(days=n) for n in range(HISTORY_DAYS, -1, -1)]
    events = {
        name: np.array([*(rng.poisson(rate * users * WEEKDAY[d.weekday()]) for d in days[:-1]),
                        int(made[name].sum())])
        for name, rate in (("quizzes", 0.5), ("visits_3", 4.0))
    }  # fmt: skip
    before = rng.normal(users, 0.02 * users, HISTORY_DAYS).round().astype(int)
    return History(days, events, np.array([*before, users]))


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and the columns that a report may name for it."""

    name: str
    columns: tuple[str, ...]
    inject: Callable[[Values, np.random.Generator], None]


def _far(made: Values, rng: np.random.Generator) -> None:
    some = rng.random(len(made["score_0"])) < 0.4
    made["score_0"][some] += 100 * 15


def _flag(made: Values, rng: np.random.Generator) -> None:
    made["flag_1"] = (rng.random(len(made["flag_1"])) < 0.6).astype(float)


def _zeros(made: Values, rng: np.random.Generator) -> None:
    size = len(made["tickets_0"])
    made["tickets_0"] = np.where(rng.random(size) < 0.4, 0.0, rng.poisson(1.5, size) + 1)


def _times(column: str, factor: float, made: Values, rng: np.random.Generator) -> None:
    made[column] = made[column] * factor


def _lost(made: Values, rng: np.random.Generator) -> None:
    made["quizzes"] = np.zeros_like(made["quizzes"])


def _countries(made: Values, rng: np.random.Generator) -> None:
    some = rng.random(len(made["country"])) < 0.3
    made["country"][some] = rng.choice(("BR", "MX"), some.sum())


def _missing(made: Values, rng: np.random.Generator) -> None:
    made["score_1"][rng.random(len(made["score_1"])) < 0.2] = np.nan


def _unrelated(made: Values, rng: np.random.Generator) -> None:
    made["pages"] = rng.permutation(made["pages"])


def _risk(made: Values, rng: np.random.Generator) -> None:
    odds = made[RISK] / (1 - made[RISK]) * np.exp(0.8)
    made[RISK] = odds / (1 + odds)


FAULTS = (
    Fault("40 % of rows 100 sd away", ("score_0",), _far),
    Fault("a flag from 5 % to 60 %", ("flag_1",), _flag),
    Fault("zeros from 92 % to 40 %", ("tickets_0",), _zeros),
    Fault(
        "median of a log-normal × 2",
        ("minutes_2",),
        partial(_times, "minutes_2", 2.0),
    ),
    Fault(
        "median of a log-normal × 0.2",
        ("minutes_3",),
        partial(_times, "minutes_3", 0.2),
    ),
    Fault("minutes in seconds", ("minutes_1",), partial(_times, "minutes_1", 60.0)),
    Fault("one event type lost", ("quizzes",), _lost),
    Fault("a new mix of countries", ("country",), _countries),
    Fault("missing values from 0 % to 20 %", ("score_1",), _missing),
    Fault("correlation broken, same marginals", ("sessions", "pages"), _unrelated),
    Fault(
        "a shift of 2 % a day, day 30",
        ("minutes_4",),
        partial(_times, "minutes_4", 1.02**30),
    ),
    Fault("risks shifted", (RISK,), _risk),
)
