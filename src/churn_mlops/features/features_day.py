"""Brings user_features_daily on by a day, at the cost of a day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.features import build_features as whole_stage
from churn_mlops.features.build_features import (
    build_features,
    carried_from,
    features_fingerprint,
    look_back,
)
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import contracts, scan
from churn_mlops.tables.growth import Whole, growth_of
from churn_mlops.tables.made import read_made
from churn_mlops.tables.parts import user_ranges
from churn_mlops.tables.writer import hold_as, write_days


def run(params: Params) -> Summary:
    """Write user_features_daily up to the last day of user_daily.

    The last days of user_daily are read, as far as the longest window reaches back, and the
    features of the day before. Where days cannot be added, all is made as a whole; the summary
    tells why.
    """
    contract, daily_contract = features_contract(params), contracts.user_daily(params)
    made = read_made(daily_contract, params)
    sign = features_fingerprint(params, made)
    growth = growth_of(contract, params, sign, None if made is None else made.last_day)
    if isinstance(growth, Whole):
        return growth.told(whole_stage.run(params), "features_day")
    begin = growth.first - timedelta(days=look_back(params))
    with engine.connect(params) as con:
        users = scan(con, contracts.users(params, "processed"), params)
        subscriptions = (
            scan(con, contracts.subscriptions(params, "processed"), params)
            if params.data.subscriptions
            else None
        )
        daily = scan(con, daily_contract, params, begin)
        before = scan(con, contract, params, growth.day_before)
        carried = carried_from(before, growth.day_before)
        state = hold_as(con, "carried", carried.state)
        ranges = user_ranges(con, users, (growth.last - begin).days + 1, params)
        with steps("features_day", len(ranges)) as step:

            def parts() -> Iterator[ir.Table]:
                for part in ranges:
                    periods = None if subscriptions is None else part.of(subscriptions)
                    known = replace(carried, state=part.of(state))
                    yield build_features(part.of(daily), part.of(users), params, periods, known)
                    step(str(part))

            rows = write_days(con, parts(), contract, params, growth.first, growth.last)
    growth.sign(contract.path(params))
    facts = {"days": f"{growth.first} to {growth.last}"}
    return Summary("features_day", {contract.name: rows}, [contract.path(params)], facts)
