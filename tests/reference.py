"""The tables once more, in plain Python, straight from the meaning of each column.

Nothing here is shared with `src/`: windows are cut from the events by comparing dates, one user
and one day at a time.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd

from churn_mlops.params import Params

DAY = timedelta(days=1)


Row = dict[str, Any]


def _rows(frame: pd.DataFrame) -> list[Row]:
    return frame.to_dict("records")


def _of_types(events: list[Row], types: tuple[str, ...] | None) -> list[Row]:
    return events if types is None else [one for one in events if one["event_type"] in types]


def _values(events: list[Row], measure: str) -> list[float]:
    return [float(one[measure]) for one in events if not pd.isna(one[measure])]


def _daily_means(events: list[Row], measure: str) -> list[float]:
    means = []
    for day in sorted({one["day"] for one in events}):
        values = _values([one for one in events if one["day"] == day], measure)
        if values:
            means.append(round(sum(values) / len(values), 6))
    return means


def user_daily(
    users: pd.DataFrame, events: pd.DataFrame, first: date, last: date, params: Params
) -> list[dict[str, Any]]:
    """user_daily as a list of rows, sorted by key."""
    f = params.features
    active = params.churn.active_events or params.data.event_types
    rows = []
    for user in sorted(_rows(users), key=lambda one: one["user_id"]):
        mine = [one for one in _rows(events) if one["user_id"] == user["user_id"]]
        begin = min([user["signup_date"], *(one["day"] for one in mine)])
        day = max(begin, first)
        while day <= last:
            today = [one for one in mine if one["day"] == day]
            row: Row = {
                "user_id": user["user_id"],
                "as_of_date": day,
                "is_active_day": int(any(one["event_type"] in active for one in today)),
                "total_events": len(today),
            }
            for name, types in f.counts.items():
                row[name] = len(_of_types(today, types))
            for name, total in f.sums.items():
                row[name] = sum(_values(_of_types(today, total.events), total.measure))
            for name, mean in f.means.items():
                means = _daily_means(_of_types(today, mean.events), mean.measure)
                row[name] = means[0] if means else None
            row["days_since_signup"] = max((day - user["signup_date"]).days, 0)
            rows.append(row)
            day += DAY
    return rows


def labels(daily: list[dict[str, Any]], last: date, params: Params) -> list[dict[str, Any]]:
    """labels_daily, from the active days themselves."""
    window = timedelta(days=params.churn.window_days)
    active = {(row["user_id"], row["as_of_date"]) for row in daily if row["is_active_day"]}
    rows = []
    for row in daily:
        user, day = row["user_id"], row["as_of_date"]
        if day + window > last:
            continue
        future = sum(1 for u, d in active if u == user and day < d <= day + window)
        rows.append(
            {
                "user_id": user,
                "as_of_date": day,
                "future_active_days": future,
                "churn_label": int(future == 0),
            }
        )
    return rows


def features(
    daily: list[dict[str, Any]],
    users: pd.DataFrame,
    events: pd.DataFrame,
    first: date,
    params: Params,
    subscriptions: pd.DataFrame | None = None,
) -> list[dict[str, Any]]:
    """user_features_daily, with every window cut from the events again."""
    f = params.features
    active_types = params.churn.active_events or params.data.event_types
    short, long = min(f.windows_days), max(f.windows_days)
    statics = {one["user_id"]: one for one in _rows(users)}
    logged = _rows(events)
    periods = [] if subscriptions is None else _rows(subscriptions)
    rows = []
    for base in daily:
        user, day = base["user_id"], base["as_of_date"]
        mine = [one for one in logged if one["user_id"] == user and first <= one["day"] <= day]
        own_days = [r["as_of_date"] for r in daily if r["user_id"] == user]
        active = sorted({one["day"] for one in mine if one["event_type"] in active_types})

        def span(width: int, mine: list[Row] = mine, day: date = day) -> list[Row]:
            return [one for one in mine if one["day"] > day - width * DAY]

        def active_in(width: int, active: list[date] = active, day: date = day) -> list[date]:
            return [d for d in active if d > day - width * DAY]

        row = dict(base)
        for name in f.static:
            row[name] = statics[user][name]
        row["days_since_last_activity"] = (
            (day - active[-1]).days if active else base["days_since_signup"]
        )
        streak = 0
        while day - streak * DAY in active and day - streak * DAY in own_days:
            streak += 1
        row["active_streak_days"] = streak
        for width in f.windows_days:
            row[f"active_days_{width}d"] = len(active_in(width))
            row[f"events_{width}d"] = len(span(width))
            for name, types in f.counts.items():
                row[f"{name.removesuffix('_count')}_{width}d"] = len(_of_types(span(width), types))
            for name, total in f.sums.items():
                row[f"{name.removesuffix('_sum')}_{width}d"] = sum(
                    _values(_of_types(span(width), total.events), total.measure)
                )
            for name, mean in f.means.items():
                means = _daily_means(_of_types(span(width), mean.events), mean.measure)
                row[f"{name}_{width}d"] = sum(means) / len(means) if means else None
        for name, ratio in f.ratios.items():
            part = sum(len(_of_types(span(long), f.counts[n])) for n in ratio.numerator)
            whole = sum(len(_of_types(span(long), f.counts[n])) for n in ratio.denominator)
            row[f"{name}_{long}d"] = part / whole if whole else 0.0
        if short < long:
            suffix = f"trend_{short}d_{long}d"
            row[f"active_days_{suffix}"] = (
                len(active_in(short)) / short - len(active_in(long)) / long
            )
            row[f"events_{suffix}"] = len(span(short)) / short - len(span(long)) / long
            for name in f.sums:
                stem = name.removesuffix("_sum")
                row[f"{stem}_{suffix}"] = (
                    row[f"{stem}_{short}d"] / short - row[f"{stem}_{long}d"] / long
                )
        lately = active_in(long)
        weekend = [d for d in lately if d.weekday() >= 5]
        row[f"weekend_share_{long}d"] = len(weekend) / len(lately) if lately else None
        within = params.churn.active_within_days
        fit = within is None or bool(active_in(within))
        if subscriptions is not None:
            now = [
                one["end_date"]
                for one in periods
                if one["user_id"] == user and one["start_date"] <= day <= one["end_date"]
            ]
            row["current_subscriptions"] = len(now)
            left = (max(now) - day).days if now else None
            row["subscription_days_left"] = left
            if params.churn.within_subscription:
                fit = fit and left is not None and left >= params.churn.window_days
        row["is_eligible"] = int(fit)
        rows.append(row)
    return rows
