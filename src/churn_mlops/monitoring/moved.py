"""Which columns moved, how far, and whether chance explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from churn_mlops.monitoring.chance import Chance, chance, discoveries
from churn_mlops.monitoring.day import Day
from churn_mlops.monitoring.findings import SEVERITY
from churn_mlops.monitoring.psi import psi
from churn_mlops.monitoring.reference import Like, Reference
from churn_mlops.monitoring.wording import moved
from churn_mlops.params import DriftCheck

NOTHING = Chance(0.0, 0.0)


@dataclass(frozen=True)
class Moved:
    """One column of a day against the reference.

    Parameters
    ----------
    column : str
    psi : float
    chance_psi : float
        Mean of the index that chance alone gives at these numbers of users.
    p_value : float
        Probability of at least this index without drift.
    importance : float
        Share of the column in what the model's risks are made of.
    score : float
        psi * importance, by which columns are ranked.
    level : {"OK", "WARN", "FAIL", "MUTED"}
    text : str
        What moved, in words.
    """

    column: str
    psi: float
    chance_psi: float
    p_value: float
    importance: float
    score: float
    level: str
    text: str

    def as_json(self) -> dict[str, Any]:
        """The column as JSON holds it."""
        return asdict(self)


def compare(reference: Reference, like: list[Like], day: Day, seed: int) -> list[Moved]:
    """Compare all columns that both sides have; levels are not given yet.

    Parameters
    ----------
    reference : Reference
    like : list of Like
        Groups of comparable rows: each column is compared with the one that it is nearest to.
    day : Day
    seed : int
    """
    found = []
    for name, now in day.counts.items():
        options = [(_users(reference.per_day[name][group.days], group), group) for group in like]
        before, nearest = min(options, key=lambda option: psi(option[0], now))
        if ((before > 0) | (now > 0)).sum() < 2:
            value, by_chance = 0.0, NOTHING
        else:
            value = psi(before, now)
            by_chance = chance(before, nearest.users, day.users, reference.excess[name], seed)
        importance = reference.importance.get(name, 0.0)
        values = (reference.values[name][nearest.rows], day.sample[name])
        found.append(
            Moved(
                name,
                value,
                by_chance.mean,
                by_chance.p_value(value),
                importance,
                value * importance,
                "OK",
                moved(name, reference.bins[name], (before, now), values),
            )
        )
    return found


def _users(per_day: np.ndarray, group: Like) -> np.ndarray:
    """Reference rows per bin, scaled to so many users: rows of one user are alike."""
    rows = per_day.sum(axis=0)
    return np.asarray(rows * (group.users / max(rows.sum(), 1)))


def graded(
    columns: list[Moved], others: Mapping[str, float], settings: DriftCheck
) -> tuple[list[Moved], dict[str, tuple[bool, bool]]]:
    """Give every column its level, with the alarm rates held over all of them together.

    Parameters
    ----------
    columns : list of Moved
    others : mapping of str to float
        P-values of further tests that share the alarm rates.
    settings : DriftCheck

    Returns
    -------
    tuple of list of Moved and dict
        The columns, the worst first and by score within a level; and for each of `others`
        whether it counts at the rate of WARN and at that of FAIL.
    """
    # What has one and the same value on both sides is no test, and must not make room for others.
    judged = [c for c in columns if c.column not in settings.moves_by_itself and c.chance_psi > 0]
    p_values = np.array([c.p_value for c in judged] + list(others.values()))
    warn = discoveries(p_values, settings.warn_alarm_rate)
    fail = discoveries(p_values, settings.false_alarm_rate)
    own = settings.moves_by_itself
    levels = {c.column: "MUTED" if c.column in own else "OK" for c in columns}
    for i, c in enumerate(judged):
        far, further = c.psi >= settings.warn_psi, c.psi >= settings.fail_psi
        levels[c.column] = "FAIL" if fail[i] and further else "WARN" if warn[i] and far else "OK"
    rest = {
        name: (bool(warn[len(judged) + i]), bool(fail[len(judged) + i]))
        for i, name in enumerate(others)
    }
    given = [replace(c, level=levels[c.column]) for c in columns]
    given.sort(key=lambda c: (-SEVERITY[c.level], c.level == "MUTED", -c.score, c.column))
    return given, rest
