"""The reference days, binned once: what a day is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from churn_mlops.errors import NotEnoughDataError
from churn_mlops.inference.contributions import Contributions
from churn_mlops.monitoring.bins import CategoricalBins, NumericBins, bins_of
from churn_mlops.monitoring.chance import excess_between_days
from churn_mlops.monitoring.comparable import comparable
from churn_mlops.registry.bundle import Bundle
from churn_mlops.registry.profile import Profile, read_profile

RISK = "churn_risk"


@dataclass(frozen=True)
class Reference:
    """Reference rows with their bins.

    Parameters
    ----------
    values : mapping of str to array, each of shape (n,)
        Raw values of all features, and of `RISK`.
    users : array of int, shape (n,)
    days : array of datetime64[D], shape (days,)
        Distinct days.
    day : array of int, shape (n,)
        Each row's place among the days.
    bins : mapping of str to bins
    per_day : mapping of str to array of int, each of shape (days, bins)
        Rows per day and bin.
    excess : mapping of str to float
        See `churn_mlops.monitoring.chance.excess_between_days`.
    importance : mapping of str to float
        Share of each feature in the size of the contributions; 1 for the risk.
    """

    values: Mapping[str, np.ndarray]
    users: np.ndarray
    days: np.ndarray
    day: np.ndarray
    bins: Mapping[str, NumericBins | CategoricalBins]
    per_day: Mapping[str, np.ndarray]
    excess: Mapping[str, float]
    importance: Mapping[str, float]

    def like(self, day: date) -> list[Like]:
        """The groups of reference rows that are most like a day, one or two.

        Raises
        ------
        NotEnoughDataError
            The day is not later than the reference: it may be part of it.
        """
        if np.datetime64(day) <= self.days[-1]:
            raise NotEnoughDataError(
                f"{day} is not later than the champion's test days, {self.days[0]} to"
                f" {self.days[-1]}, which it would be compared with",
                fix="check a later day",
            )
        found = []
        for chosen, words in comparable(self.days, day):
            rows = chosen[self.day]
            found.append(Like(chosen, rows, len(np.unique(self.users[rows])), words))
        return found


@dataclass(frozen=True)
class Like:
    """The comparable days: their marks, their rows' marks, different users, and words for them."""

    days: np.ndarray
    rows: np.ndarray
    users: int
    words: str

    def one_row_each(self, users: np.ndarray, seed: int) -> np.ndarray:
        """Numbers of rows, one of each user, chosen by chance.

        A classifier recognises a user's rows by the attributes that never change, so that several
        rows of one user would tell the reference from any other users.

        Parameters
        ----------
        users : array of int, shape (n,)
            Of all reference rows.
        seed : int
        """
        rows = np.random.default_rng(seed).permutation(np.flatnonzero(self.rows))
        return np.sort(rows[np.unique(users[rows], return_index=True)[1]])


@lru_cache(maxsize=1)
def reference_for(bundle: Bundle) -> Reference:
    """The reference that a model brings along; made once for all days that are checked.

    Raises
    ------
    BundleError
        Its profile cannot be read.
    """
    profile, meta = read_profile(bundle.profile), bundle.meta
    weights = Contributions(meta.model, meta.encoding).importance(profile.columns)
    return reference_of(profile, weights)


def reference_of(profile: Profile, importance: Mapping[str, float]) -> Reference:
    """Bin the rows of a profile."""
    days, day = np.unique(profile.days, return_inverse=True)
    values = {**profile.columns, RISK: profile.risks}
    bins = {name: bins_of(column) for name, column in values.items()}
    alike, users = _alike(days, day, profile.users)
    per_day = {}
    for name, column in values.items():
        flat = day * bins[name].count + bins[name].codes(column)
        counts = np.bincount(flat, minlength=len(days) * bins[name].count)
        per_day[name] = counts.reshape(len(days), -1)
    excess = {name: excess_between_days(counts, users, alike) for name, counts in per_day.items()}
    shares = {**importance, RISK: 1.0}
    return Reference(values, profile.users, days, day, bins, per_day, excess, shares)


def _alike(days: np.ndarray, day: np.ndarray, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which other days each day is like, and how many different users these have."""
    count = len(days)
    alike = np.zeros((count, count), dtype=bool)
    different = np.zeros(count, dtype=np.int64)
    for i, one in enumerate(days.tolist()):
        others = np.flatnonzero(np.arange(count) != i)
        if len(others):
            alike[i, others] = comparable(days[others], one)[0][0]
            different[i] = len(np.unique(users[alike[i][day]]))
    return alike, different
