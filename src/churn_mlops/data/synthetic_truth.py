"""What really happens to the synthetic portal's users, recorded or not, and what could be known.

Labels come from the log, and a log has faults; this comes from the hidden life itself. It also
reaches beyond the last day of a log, so that nobody has to wait for a label.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from churn_mlops.data.generate_synthetic import BLOCK_USERS, user_count
from churn_mlops.data.synthetic_dynamics import replay
from churn_mlops.data.synthetic_oracle import silence_probability
from churn_mlops.data.synthetic_population import Floats, draw_population
from churn_mlops.data.synthetic_signups import Ints
from churn_mlops.params.tree import Synthetic


@dataclass(frozen=True)
class Truth:
    """Of one day, for all who have signed up by its end, in the order of user_id.

    Parameters
    ----------
    users : int64 array
        user_id.
    silent : bool array
        Had no active day in the window after the day.
    probability : float64 array
        What `inactivity_probability` gives.
    """

    users: Ints
    silent: npt.NDArray[np.bool_]
    probability: Floats

    def of(self, users: Ints) -> Truth:
        """Keep some users, in the order in which they are named; ids count from 1."""
        place = np.asarray(users, np.int64) - 1
        return Truth(self.users[place], self.silent[place], self.probability[place])


def truth(
    synthetic: Synthetic, start: date, days: Collection[int], window_days: int
) -> dict[int, Truth]:
    """Replay the portal once and look at some of its days.

    Parameters
    ----------
    synthetic : Synthetic
    start : date
        First day of the log; day 0.
    days : collection of int
        Days of the log, none of them negative.
    window_days : int
        Days.

    Returns
    -------
    dict of int to Truth
    """
    if not days:
        return {}
    wanted, last = sorted(set(days)), max(days) + window_days
    found: dict[int, list[Truth]] = {day: [] for day in wanted}
    for block in range(-(-user_count(synthetic, start, last) // BLOCK_USERS)):
        population = draw_population(synthetic, start, last, block, BLOCK_USERS)
        active: dict[int, npt.NDArray[np.bool_]] = {}
        chances: dict[int, Floats] = {}
        for latent in replay(population, synthetic, last):
            active[latent.day] = latent.active
            if latent.day in found:
                chance = silence_probability(population, synthetic, latent, window_days)
                chances[latent.day] = chance
        for day, chance in chances.items():
            users = len(chance)
            seen = np.zeros(users, np.bool_)
            for ahead in range(day + 1, day + window_days + 1):
                seen |= active[ahead][:users]
            ids = population.first_id + np.arange(users)
            found[day].append(Truth(ids, ~seen, chance))
    return {day: _joined(parts) for day, parts in found.items()}


def _joined(parts: list[Truth]) -> Truth:
    names = ("users", "silent", "probability")
    return Truth(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
