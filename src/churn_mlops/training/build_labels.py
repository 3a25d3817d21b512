"""Stage build_labels: who was gone in the `churn.window_days` after each mature day."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.errors import NotEnoughDataError
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import Writer, contracts, scan
from churn_mlops.tables.made import Made, fingerprint, read_made
from churn_mlops.tables.parts import hold, user_ranges
from churn_mlops.tables.writer import kept_days


def build_labels(daily: ir.Table, params: Params) -> ir.Table:
    """Label every mature row.

    A row at day ``d`` is mature when ``d + churn.window_days`` is not after the last day of the
    table; ``churn_label`` is 1 when no day in ``(d, d + churn.window_days]`` is active.

    Parameters
    ----------
    daily : ibis Table
        user_daily: dense, so that the row `n` places on is the day `n` days later.
    params : Params

    Returns
    -------
    ibis Table
        labels_daily, unordered, mature rows only.
    """
    by_day = ibis.window(group_by="user_id", order_by="as_of_date")
    so_far = ibis.window(group_by="user_id", order_by="as_of_date", following=0)
    running = daily.select(
        "user_id", "as_of_date", active=daily.is_active_day.cast("float64").sum().over(so_far)
    )
    later = running.active.lead(params.churn.window_days).over(by_day)
    counted = running.mutate(future_active_days=later - running.active)
    mature = counted.filter(counted.future_active_days.notnull())
    return mature.select(
        "user_id",
        "as_of_date",
        "future_active_days",
        churn_label=(mature.future_active_days == 0).cast("int8"),
    )


def labels_fingerprint(params: Params, daily: Made | None) -> str:
    """What the labels depend on, and the user_daily that they are made from."""
    body = [params.churn.window_days, kept_days(params), None if daily is None else daily.build]
    return fingerprint(body, ("training/build_labels.py", "tables"))


def run(params: Params) -> Summary:
    """Read user_daily, write labels_daily."""
    contract = contracts.labels_daily(params)
    with engine.connect(params) as con:
        needed = contracts.user_daily(params).only("user_id", "as_of_date", "is_active_day")
        daily = scan(con, needed, params)
        users = daily.select("user_id").distinct()
        days = engine.value(con, daily.as_of_date.nunique())
        ranges = user_ranges(con, users, days, params)
        daily = hold(con, daily, ranges, params)
        made = read_made(contracts.user_daily(params), params)
        last_day = None if made is None else made.last_day
        sign = labels_fingerprint(params, made)
        with (
            Writer(contract, params, last_day=last_day, fingerprint=sign) as out,
            steps("build_labels", len(ranges)) as step,
        ):
            for part in ranges:
                out.append(con, contract.sorted(build_labels(part.of(daily), params)))
                step(str(part))
            if out.rows == 0:
                raise NotEnoughDataError(
                    f"no day is mature: {days} days of data and a horizon of"
                    f" churn.window_days = {params.churn.window_days}",
                    fix="bring more days of data or lower churn.window_days",
                )
    return Summary("build_labels", {contract.name: out.rows}, [out.path])
