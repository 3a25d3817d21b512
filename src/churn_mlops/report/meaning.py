"""What churn means, in words."""

from __future__ import annotations

from churn_mlops.params import Churn
from churn_mlops.report import words


def left(churn: Churn) -> str:
    """Who has left, in one sentence."""
    return (
        "A user has left when no active day follows in the"
        f" {words.days(churn.window_days)} after the one that the risk is for."
    )


def activity(churn: Churn) -> str:
    """What makes a day active, in words."""
    events = churn.active_events
    return "an event of any type" if events is None else f"a {words.listed(events, 'or')}"


def rules(churn: Churn) -> list[tuple[str, str]]:
    """The contract, rule by rule."""
    within = churn.active_within_days
    eligible = "everybody" if within is None else f"users active in the last {words.days(within)}"
    if churn.within_subscription:
        eligible += ", whose subscription covers the whole horizon"
    return [
        ("Horizon", f"{words.days(churn.window_days)} after the day of the prediction"),
        ("Active day", f"one with {activity(churn)}"),
        ("Who is predicted", eligible),
    ]
