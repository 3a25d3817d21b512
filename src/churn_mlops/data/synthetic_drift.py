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
    mixed_up : float
        Share of the events that are recorded as somebody else's.
    new_market : float
        Sign-ups from the new market, relative to the ordinary ones.
    rival : float
        Factor on the total hazard of the most active users.
    delayed : float
        Share of the events that reach the log on a later day.
    """

    activity_odds: float = 1.0
    price: float = 1.0
    new_country_share: float = 0.0
    untracked: frozenset[str] = frozenset()
    minutes_factor: float = 1.0
    mixed_up: float = 0.0
    new_market: float = 0.0
    rival: float = 1.0
    delayed: float = 0.0

    @property
    def hazard(self) -> float:
        """Factor on the total hazard of a paying user."""
        return float(self.price**PRICE_ELASTICITY)


class Kind(NamedTuple):
    """A kind of drift: what it means, the strength that does nothing, what a strength does.

    Kinds that are either there or not have no such strength.
    """

    meaning: str
    neutral: float | None
    apply: Callable[[Effects, Drift, float], Effects]


FACTOR, SHARE, SWITCH = 1.0, 0.0, None


KINDS: dict[str, Kind] = {
    "engagement_shift": Kind(
        "everybody is more or less active: the odds of an active day are multiplied by strength",
        FACTOR,
        lambda e, d, s: replace(e, activity_odds=e.activity_odds * s),
    ),
    "country_mix": Kind(
        "a share of strength (at most 1) of new sign-ups comes from another country mix",
        SHARE,
        lambda e, d, s: replace(e, new_country_share=min(1.0, s)),
    ),
    "price_change": Kind(
        "amounts are multiplied by strength, the total hazard of paying users by its square; what "
        "a higher price adds is departures at once, without fading",
        FACTOR,
        lambda e, d, s: replace(e, price=e.price * s),
    ),
    "broken_tracking": Kind(
        "events of event_type are not recorded",
        SWITCH,
        lambda e, d, s: replace(e, untracked=e.untracked | {d.event_type or ""}),
    ),
    "unit_error": Kind(
        "watch_minutes are recorded in seconds",
        SWITCH,
        lambda e, d, s: replace(e, minutes_factor=SECONDS_PER_MINUTE),
    ),
    "mixed_up_users": Kind(
        "a share of strength (at most 1) of the events is recorded with the id of a random user",
        SHARE,
        lambda e, d, s: replace(e, mixed_up=_either(e.mixed_up, s)),
    ),
    "new_market": Kind(
        "strength times as many sign-ups as usual come on top, from a country that was not there "
        "before, whose people are less active and leave sooner",
        SHARE,
        lambda e, d, s: replace(e, new_market=e.new_market + s),
    ),
    "competitor": Kind(
        "the total hazard of the most active users is multiplied by strength; what that adds is "
        "departures at once, without fading",
        FACTOR,
        lambda e, d, s: replace(e, rival=e.rival * s),
    ),
    "late_delivery": Kind(
        "a share of strength (at most 1) of the events reaches the log 1 to 3 days late",
        SHARE,
        lambda e, d, s: replace(e, delayed=_either(e.delayed, s)),
    ),
}


def _either(one: float, other: float) -> float:
    """Share of events that at least one of two independent accidents happens to."""
    return 1.0 - (1.0 - one) * (1.0 - min(1.0, other))


def strength(change: Drift, on: date) -> float:
    """How strong a change is on a day on which it is in force."""
    neutral = KINDS[change.kind].neutral
    if neutral is None or not change.ramp_days:
        return change.strength
    reached = min(1.0, ((on - change.start).days + 1) / change.ramp_days)
    return neutral + (change.strength - neutral) * reached


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
            combined = KINDS[change.kind].apply(combined, change, strength(change, on))
    return combined


def check_drift(drift: Sequence[Drift], event_types: Sequence[str]) -> None:
    """Refuse drift that cannot be simulated.

    Raises
    ------
    ValueError
        Unknown kind, strength not above 0, end before start, a ramp of a kind without strength,
        or broken tracking of an event type that the portal does not have.
    """
    for change in drift:
        if change.kind not in KINDS:
            raise ValueError(f"unknown drift {change.kind!r}; known: {', '.join(KINDS)}")
        if not change.strength > 0:
            raise ValueError(f"{change.kind}: strength {change.strength} is not above 0")
        if change.end is not None and change.end < change.start:
            raise ValueError(f"{change.kind}: end {change.end} lies before start {change.start}")
        if change.ramp_days < 0 or (change.ramp_days and KINDS[change.kind].neutral is None):
            raise ValueError(f"{change.kind}: ramp_days {change.ramp_days} is not possible")
        if change.kind == "broken_tracking" and change.event_type not in event_types:
            raise ValueError(
                f"broken_tracking: event_type {change.event_type!r} is none of "
                f"{', '.join(event_types)}"
            )
