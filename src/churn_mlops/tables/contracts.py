"""The contracts of all tables up to the daily grain, as functions of the parameters."""

from __future__ import annotations

from churn_mlops.params import Params
from churn_mlops.tables.contract import Column, Contract

IBIS_TYPE = {"integer": "int64", "text": "string", "categorical": "string", "numeric": "float64"}


def user_id(params: Params) -> Column:
    """The user key, in the type of the source."""
    return Column("user_id", IBIS_TYPE[params.data.user_id], nullable=False, about="the user")


def static_columns(params: Params) -> tuple[Column, ...]:
    """Attributes known at sign-up, as declared in ``features.static``."""
    return tuple(
        Column(name, IBIS_TYPE[kind], about=f"{kind}, known at sign-up")
        for name, kind in params.features.static.items()
    )


def users(params: Params, folder: str = "raw") -> Contract:
    """One row per user; ``raw`` or, as users_clean, ``processed``."""
    return Contract(
        "users" if folder == "raw" else "users_clean",
        folder,
        ("user_id",),
        (
            user_id(params),
            Column("signup_date", "date", nullable=False, about="day of sign-up"),
            *static_columns(params),
        ),
        parts=True,
    )


def events(params: Params, folder: str = "raw") -> Contract:
    """One row per event; ``raw`` or, as events_clean, ``processed``."""
    measures = (
        Column(name, "float64", unit=measure.unit, minimum=measure.min, maximum=measure.max)
        for name, measure in params.data.measures.items()
    )
    return Contract(
        "events" if folder == "raw" else "events_clean",
        folder,
        ("user_id", "event_time", "event_id"),
        (
            Column("event_id", IBIS_TYPE[params.data.event_id], nullable=False),
            user_id(params),
            Column("event_time", "timestamp", nullable=False, unit="UTC"),
            Column("event_type", "string", nullable=False),
            Column("course_id", "string", about="what the event was about"),
            *measures,
        ),
        parts=True,
        day="event_time",
    )


def subscriptions(params: Params, folder: str = "raw") -> Contract:
    """Periods in which a user can be active; ``raw`` or, as subscriptions_clean, ``processed``."""
    return Contract(
        "subscriptions" if folder == "raw" else "subscriptions_clean",
        folder,
        ("user_id", "start_date", "end_date"),
        (
            user_id(params),
            Column("start_date", "date", nullable=False, about="first day of the period"),
            Column("end_date", "date", nullable=False, about="last day of the period"),
            Column("plan", "string"),
        ),
        parts=True,
    )


def spoken(column: str) -> str:
    """A daily column as one would say it: logins_count is "logins"."""
    words = column.removesuffix("_count").removesuffix("_sum").replace("_", " ")
    plain = words.endswith("s") or not column.endswith("_count")
    return words if plain else f"{words} events"


def user_daily(params: Params) -> Contract:
    """One row per user and day, from sign-up (or the first event) to the last complete day."""
    features = params.features
    return Contract(
        "user_daily",
        "processed",
        ("user_id", "as_of_date"),
        (
            user_id(params),
            Column(
                "as_of_date", "date", nullable=False, about="the day; sees events up to its end"
            ),
            Column(
                "is_active_day",
                "int8",
                False,
                "0/1",
                "an active day: any event of churn.active_events",
            ),
            Column("total_events", "int32", False, "events", "events of all types"),
            *(
                Column(
                    name, "int32", False, spoken(name), f"{spoken(name)}; type {', '.join(types)}"
                )
                for name, types in features.counts.items()
            ),
            *(
                Column(
                    name,
                    "float64",
                    False,
                    params.data.measures[entry.measure].unit,
                    f"{spoken(name)}; sum of {entry.measure}",
                )
                for name, entry in features.sums.items()
            ),
            *(
                Column(
                    name,
                    "float64",
                    True,
                    params.data.measures[entry.measure].unit,
                    f"mean {entry.measure.replace('_', ' ')}; null without one",
                )
                for name, entry in features.means.items()
            ),
            Column("days_since_signup", "int32", False, "days", "0 on the day of sign-up"),
        ),
        parts=True,
        day="as_of_date",
    )


def labels_daily(params: Params) -> Contract:
    """One row per user and mature day."""
    window = params.churn.window_days
    return Contract(
        "labels_daily",
        "processed",
        ("user_id", "as_of_date"),
        (
            user_id(params),
            Column("as_of_date", "date", nullable=False),
            Column(
                "future_active_days", "int32", False, "days", f"active days in the next {window}"
            ),
            Column("churn_label", "int8", False, "0/1", "1: none of these days is active"),
        ),
        parts=True,
        day="as_of_date",
    )
