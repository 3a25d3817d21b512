"""Who is predicted at all: users who were active lately and can still be."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from churn_mlops.params import Params


def is_eligible(
    last_active: ir.DateValue, day: ir.DateValue, days_left: ir.Value | None, params: Params
) -> ir.BooleanValue:
    """Decide eligibility of a row.

    Parameters
    ----------
    last_active : date value
        The user's last active day up to `day`; null for who has not been active yet.
    day : date value
        The row's ``as_of_date``.
    days_left : integer value or None
        Days to the end of the current subscription that ends last, null without one. Used when
        ``churn.within_subscription``: the whole horizon must lie inside the period.
    params : Params
    """
    rule: ir.BooleanValue = ibis.literal(True)
    within = params.churn.active_within_days
    if within is not None:
        recent = day.delta(last_active, unit="day") < within
        rule = rule & last_active.notnull() & recent
    if params.churn.within_subscription and days_left is not None:
        rule = rule & (days_left >= params.churn.window_days).fill_null(False)
    return rule.fill_null(False)


def eligible(features: ir.Table, params: Params) -> ir.Table:
    """Keep the eligible rows of user_features_daily and drop the flag."""
    return features.filter(features.is_eligible == 1).drop("is_eligible")
