"""Planned changes of the portal: what each kind of drift does on a date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from churn_mlops.params.tree import Drift

SECONDS_PER_MINUTE = 60.0
PRICE_ELASTICITY = 2.0
"""The hazard of paying users goes with this power of the price."""


@dataclass(frozen=True)
class Effects:
    """Everything that differs from an ordinary day.

    Attributes
    ----------
    activity_odds : float
        Factor on the odds of an active day.
    price : float
        Factor on the amounts of payments.
    new_country_share : float
        Share of the day's sign-ups that come from the other country mix.
    untracked : frozenset of str
        Event types that happen but are not recorded.
    minutes_factor : float
        Factor on the recorded ``watch_minutes``.
    """

    activity_odds: float = 1.0
    price: float = 1.0
    new_country_share: float = 0.0
    untracked: frozenset[str] = frozenset()
    minutes_factor: float = 1.0

    @property
    def hazard(self) -> float:
        """Factor on the total hazard of a paying user."""
        return float(self.price**PRICE_ELASTICITY)


class Kind(NamedTuple):
    """A kind of drift, what it means, and how it changes the effects of a day."""

    meaning: str
    apply: Callable[[Effects, Drift], Effects]


KINDS: dict[str, Kind] = {
    "engagement_shift": Kind(
        "everybody is more or less active: the odds of an active day are multiplied by strength",
        lambda e, d: replace(e, activity_odds=e.activity_odds * d.strength),
    ),
    "country_mix": Kind(
        "a share of strength (at most 1) of new sign-ups comes from another country mix",
        lambda e, d: replace(e, new_country_share=min(1.0, d.strength)),
    ),
    "price_change": Kind(
        "amounts are multiplied by strength, the total hazard of paying users by its square; what "
        "a higher price adds is departures at once, without fading",
        lambda e, d: replace(e, price=e.price * d.strength),
    ),
    "broken_tracking": Kind(
        "events of event_type are not recorded",
        lambda e, d: replace(e, untracked=e.untracked | {d.event_type or ""}),
    ),
    "unit_error": Kind(
        "watch_minutes are recorded in seconds",
        lambda e, d: replace(e, minutes_factor=SECONDS_PER_MINUTE),
    ),
}


def effects(drift: Sequence[Drift], on: date) -> Effects:
    """Combine all drift that is in force on a date; `end` is its last day.

    Parameters
    ----------
    drift : sequence of Drift
    on : date

    Returns
    -------
    Effects
    """
    combined = Effects()
    for change in drift:
        if change.start <= on and (change.end is None or on <= change.end):
            combined = KINDS[change.kind].apply(combined, change)
    return combined


def check_drift(drift: Sequence[Drift], event_types: Sequence[str]) -> None:
    """Refuse drift that cannot be simulated.

    Raises
    ------
    ValueError
        Unknown kind, strength not above 0, end before start, or broken tracking of an event
        type that the portal does not have.
    """
    for change in drift:
        if change.kind not in KINDS:
            raise ValueError(f"unknown drift {change.kind!r}; known: {', '.join(KINDS)}")
        if not change.strength > 0:
            raise ValueError(f"{change.kind}: strength {change.strength} is not above 0")
        if change.end is not None and change.end < change.start:
            raise ValueError(f"{change.kind}: end {change.end} lies before start {change.start}")
        if change.kind == "broken_tracking" and change.event_type not in event_types:
            raise ValueError(
                f"broken_tracking: event_type {change.event_type!r} is none of "
                f"{', '.join(event_types)}"
            )
