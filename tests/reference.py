"""The tables once more, in slow and plain pandas, straight from the meaning of each column.

Nothing here is shared with `src/`: windows are cut from the events by comparing dates, one user
and one day at a time.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd

from churn_mlops.params import Params

DAY = timedelta(days=1)


def _of_types(events: pd.DataFrame, types: tuple[str, ...] | None) -> pd.DataFrame:
    return events if types is None else events[events.event_type.isin(types)]


def _daily_means(events: pd.DataFrame, measure: str) -> list[float]:
    values = events.dropna(subset=[measure])
    return [round(float(day[measure].mean()), 6) for _, day in values.groupby("day")]


def user_daily(
    users: pd.DataFrame, events: pd.DataFrame, first: date, last: date, params: Params
) -> list[dict[str, Any]]:
    """user_daily as a list of rows, sorted by key."""
    f = params.features
    active = params.churn.active_events or params.data.event_types
    rows = []
    for user in users.sort_values("user_id").itertuples():
        mine = events[events.user_id == user.user_id]
        begin = min([user.signup_date, *mine.day])
        day = max(begin, first)
        while day <= last:
            today = mine[mine.day == day]
            row: dict[str, Any] = {
                "user_id": user.user_id,
                "as_of_date": day,
                "is_active_day": int(today.event_type.isin(active).any()),
                "total_events": len(today),
            }
            for name, types in f.counts.items():
                row[name] = len(_of_types(today, types))
            for name, total in f.sums.items():
                row[name] = float(_of_types(today, total.events)[total.measure].sum())
            for name, mean in f.means.items():
                means = _daily_means(_of_types(today, mean.events), mean.measure)
                row[name] = means[0] if means else None
            row["days_since_signup"] = max((day - user.signup_date).days, 0)
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
    statics = users.set_index("user_id")
    rows = []
    for base in daily:
        user, day = base["user_id"], base["as_of_date"]
        mine = events[(events.user_id == user) & (events.day <= day) & (events.day >= first)]
        own_days = [r["as_of_date"] for r in daily if r["user_id"] == user]
        active = sorted(set(mine[mine.event_type.isin(active_types)].day))

        def span(width: int, mine: pd.DataFrame = mine, day: date = day) -> pd.DataFrame:
            return mine[mine.day > day - width * DAY]

        def active_in(width: int, active: list[date] = active, day: date = day) -> list[date]:
            return [d for d in active if d > day - width * DAY]

        row = dict(base)
        for name in f.static:
            row[name] = statics.loc[user, name]
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
                row[f"{name.removesuffix('_sum')}_{width}d"] = float(
                    _of_types(span(width), total.events)[total.measure].sum()
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
            now = subscriptions[
                (subscriptions.user_id == user)
                & (subscriptions.start_date <= day)
                & (subscriptions.end_date >= day)
            ]
            row["current_subscriptions"] = len(now)
            left = (max(now.end_date) - day).days if len(now) else None
            row["subscription_days_left"] = left
            if params.churn.within_subscription:
                fit = fit and left is not None and left >= params.churn.window_days
        row["is_eligible"] = int(fit)
        rows.append(row)
    return rows
