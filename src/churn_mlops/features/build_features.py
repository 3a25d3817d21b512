"""Stage build_features: what each day may know about each user.

Rolling sums are differences of running sums. Measures are carried in whole millionths
(`MICRO`), so every sum is exact: it depends neither on the order of addition nor on the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.features.catalogue import (
    counted,
    features_contract,
    rolled_name,
    trend_name,
    trended,
)
from churn_mlops.features.eligibility import is_eligible
from churn_mlops.features.future_check import require_no_future
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import Writer, contracts, scan
from churn_mlops.tables.contract import MICRO
from churn_mlops.tables.made import Made, fingerprint, read_made
from churn_mlops.tables.parts import hold, user_ranges
from churn_mlops.tables.writer import kept_days


@dataclass(frozen=True)
class Carried:
    """What the features of a day tell about all days up to it, for those that follow.

    Parameters
    ----------
    first : date
        The first day that is wanted: the day after the one that is told of.
    state : ibis Table
        Per user ``last_active`` and ``last_idle`` (`carried_from`).
    """

    first: date
    state: ir.Table


def carried_from(features: ir.Table, day: date) -> Carried:
    """Read off user_features_daily what the rows of a day know about the days before.

    Who has never been active has been away since sign-up; who was active on that day only counts
    the same, so both may be told as never active. Whether somebody is eligible is decided by
    recent days, which are looked at anyway.
    """
    known = features.filter(features.as_of_date == ibis.literal(day))
    away, streak = known.days_since_last_activity, known.active_streak_days
    last = ibis.literal(day).cast("date")
    none = ibis.null("date")
    return Carried(
        day + timedelta(days=1),
        known.select(
            "user_id",
            carried_active=(away == known.days_since_signup).ifelse(
                none, (last - away.as_interval("D")).cast("date")
            ),
            # Of who was never idle it is the day before the first, which counts alike.
            carried_idle=(last - streak.as_interval("D")).cast("date"),
        ),
    )


def look_back(params: Params) -> int:
    """Days before the first one wanted that `build_features` must see, beside what is carried."""
    return max(*params.features.windows_days, params.churn.active_within_days or 0)


def build_features(
    daily: ir.Table,
    users: ir.Table,
    params: Params,
    subscriptions: ir.Table | None = None,
    carried: Carried | None = None,
) -> ir.Table:
    """Compute all features of the catalogue.

    Parameters
    ----------
    daily : ibis Table
        user_daily: dense, one row per user and day from the user's first row on.
    users : ibis Table
        users_clean.
    params : Params
    subscriptions : ibis Table, optional
        subscriptions_clean, when ``data.subscriptions``.
    carried : Carried, optional
        What is known from before, when `daily` has the last days only: at least `look_back` days
        before the first one wanted.

    Returns
    -------
    ibis Table
        user_features_daily, unordered.
    """
    if subscriptions is not None:
        daily = _with_subscriptions(daily, subscriptions)
    # Running sums may start anywhere: they are whole numbers, and only differences are used.
    running = _with_running_sums(daily, params)
    if carried is not None:
        running = _with_carried(running, carried)
    windows = _with_windows(running, params)
    if carried is not None:
        windows = windows.filter(windows.as_of_date >= ibis.literal(carried.first))
    rolled = _with_features(windows, params)
    days_left = rolled.subscription_days_left if subscriptions is not None else None
    rule = is_eligible(rolled.last_active, rolled.as_of_date, days_left, params)
    flagged = rolled.mutate(is_eligible=rule.cast("int8"))
    static = users.select("user_id", *params.features.static)
    return flagged.join(static, "user_id").select(*features_contract(params).names)


def _quantities(daily: ir.Table, params: Params) -> dict[str, ir.Value]:
    """Everything that is summed over windows, as whole numbers in float64."""
    sums = params.features.sums
    whole = {name: daily[name].cast("float64") for name in counted(params)}
    whole |= {name: (daily[name] * MICRO).round().cast("float64") for name in sums}
    for name in params.features.means:
        whole[name] = (daily[name] * MICRO).round().cast("float64").fill_null(0.0)
        whole[f"{name}_days"] = daily[name].notnull().cast("float64")
    weekend = daily.as_of_date.day_of_week.index() >= 5
    whole["weekend"] = (weekend & (daily.is_active_day == 1)).cast("float64")
    return whole


def _with_running_sums(daily: ir.Table, params: Params) -> ir.Table:
    so_far = ibis.window(group_by="user_id", order_by="as_of_date", following=0)
    active = daily.is_active_day == 1
    none = ibis.null("date")
    return daily.mutate(
        **{f"run_{name}": q.sum().over(so_far) for name, q in _quantities(daily, params).items()},
        last_active=active.ifelse(daily.as_of_date, none).max().over(so_far),
        last_idle=active.ifelse(none, daily.as_of_date).max().over(so_far),
        first_day=daily.as_of_date.min().over(so_far),
    )


def _with_carried(running: ir.Table, carried: Carried) -> ir.Table:
    state = carried.state.select("user_id", "carried_active", "carried_idle")
    joined = running.left_join(state, "user_id").drop("user_id_right")
    return joined.mutate(
        last_active=ibis.coalesce(joined.last_active, joined.carried_active),
        last_idle=ibis.coalesce(joined.last_idle, joined.carried_idle),
    ).drop("carried_active", "carried_idle")


def _with_windows(running: ir.Table, params: Params) -> ir.Table:
    """Add ``in_<quantity>_<window>``: the sum of each quantity over the last days."""
    by_day = ibis.window(group_by="user_id", order_by="as_of_date")
    names = [name.removeprefix("run_") for name in running.columns if name.startswith("run_")]
    long = max(params.features.windows_days)
    sums = {}
    for window in params.features.windows_days:
        for name in names:
            if name != "weekend" or window == long:
                run = running[f"run_{name}"]
                sums[f"in_{name}_{window}"] = run - run.lag(window).over(by_day).fill_null(0.0)
    return running.mutate(**sums).drop(*(f"run_{name}" for name in names))


def _with_features(sums: ir.Table, params: Params) -> ir.Table:
    """Turn sums over windows into the catalogue's columns."""

    def within(name: str, window: int) -> ir.Value:
        return sums[f"in_{name}_{window}"]

    day, features = sums.as_of_date, params.features
    short, long = min(features.windows_days), max(features.windows_days)
    columns: dict[str, ir.Value] = {
        "days_since_last_activity": ibis.coalesce(
            day.delta(sums.last_active, unit="day"), sums.days_since_signup
        ),
        "active_streak_days": ibis.coalesce(
            day.delta(sums.last_idle, unit="day"), day.delta(sums.first_day, unit="day") + 1
        ),
    }
    for window in features.windows_days:
        for name in counted(params):
            columns[rolled_name(name, window)] = within(name, window)
        for name in features.sums:
            columns[rolled_name(name, window)] = within(name, window) / MICRO
        for name in features.means:
            days = within(f"{name}_days", window).nullif(0.0)
            columns[f"{name}_{window}d"] = within(name, window) / days / MICRO
    for name, ratio in features.ratios.items():
        part = sum((within(n, long) for n in ratio.numerator), ibis.literal(0.0))
        whole = sum((within(n, long) for n in ratio.denominator), ibis.literal(0.0))
        columns[f"{name}_{long}d"] = (part / whole.nullif(0.0)).fill_null(0.0)
    for name in trended(params):
        unit = MICRO if name in features.sums else 1
        rate = within(name, short) / short - within(name, long) / long
        columns[trend_name(name, params)] = rate / unit
    active_days = within("is_active_day", long).nullif(0.0)
    columns[f"weekend_share_{long}d"] = within("weekend", long) / active_days
    return sums.mutate(**columns)


def _with_subscriptions(daily: ir.Table, subscriptions: ir.Table) -> ir.Table:
    periods = subscriptions.select("user_id", "start_date", "end_date")
    current = daily.select("user_id", "as_of_date").join(
        periods,
        [
            "user_id",
            daily.as_of_date >= periods.start_date,
            daily.as_of_date <= periods.end_date,
        ],
    )
    latest = current.group_by("user_id", "as_of_date").agg(
        current_subscriptions=current.count(), last_end=current.end_date.max()
    )
    joined = daily.left_join(latest, ["user_id", "as_of_date"]).drop(
        "user_id_right", "as_of_date_right"
    )
    return joined.mutate(
        current_subscriptions=joined.current_subscriptions.fill_null(0),
        subscription_days_left=joined.last_end.delta(joined.as_of_date, unit="day"),
    ).drop("last_end")


def features_fingerprint(params: Params, daily: Made | None) -> str:
    """What the features depend on, and the user_daily that they are made from."""
    body = [
        params.features.model_dump(mode="json"),
        params.churn.model_dump(mode="json"),
        params.data.subscriptions,
        kept_days(params),
        None if daily is None else daily.build,
    ]
    return fingerprint(body, ("features", "tables"))


def run(params: Params) -> Summary:
    """Read user_daily and users_clean, write user_features_daily.

    Raises
    ------
    LeakageError
        A feature knows the future.
    """
    contract = features_contract(params)
    with engine.connect(params) as con:
        users = scan(con, contracts.users(params, "processed"), params)
        subscriptions = (
            scan(con, contracts.subscriptions(params, "processed"), params)
            if params.data.subscriptions
            else None
        )
        daily = scan(con, contracts.user_daily(params), params)
        days = engine.value(con, daily.as_of_date.nunique())
        ranges = user_ranges(con, users, days, params)
        daily = hold(con, daily, ranges, params)
        made = read_made(contracts.user_daily(params), params)
        last_day = None if made is None else made.last_day
        sign = features_fingerprint(params, made)
        with (
            Writer(contract, params, last_day=last_day, fingerprint=sign) as out,
            steps("build_features", len(ranges)) as step,
        ):
            for number, part in enumerate(ranges):
                periods = None if subscriptions is None else part.of(subscriptions)
                if number == 0:
                    require_no_future(
                        build_features, part.of(daily), part.of(users), params, periods
                    )
                table = build_features(part.of(daily), part.of(users), params, periods)
                out.append(con, contract.sorted(table))
                step(str(part))
    return Summary("build_features", {contract.name: out.rows}, [out.path])
