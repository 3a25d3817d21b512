"""Brings labels_daily on by a day, at the cost of a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import contracts, scan
from churn_mlops.tables.growth import Whole, growth_of
from churn_mlops.tables.made import read_made
from churn_mlops.tables.parts import user_ranges
from churn_mlops.tables.writer import write_days
from churn_mlops.training import build_labels as whole_stage
from churn_mlops.training.build_labels import build_labels, labels_fingerprint


def run(params: Params) -> Summary:
    """Write labels_daily up to the last mature day of user_daily.

    A day's label looks at the ``churn.window_days`` after it, so the days that become mature and
    those whose horizon late rows reach are labelled. Where days cannot be added, all is made as a
    whole; the summary tells why.
    """
    contract, daily_contract = contracts.labels_daily(params), contracts.user_daily(params)
    made = read_made(daily_contract, params)
    sign = labels_fingerprint(params, made)
    growth = growth_of(contract, params, sign, None if made is None else made.last_day)
    if isinstance(growth, Whole):
        return growth.told(whole_stage.run(params), "labels_day")
    horizon = timedelta(days=params.churn.window_days)
    first, last = growth.first - horizon, growth.last - horizon
    with engine.connect(params) as con:
        daily = scan(con, daily_contract, params, first).select(
            "user_id", "as_of_date", "is_active_day"
        )
        first = max(first, engine.value(con, daily.as_of_date.min()))
        users = daily.select("user_id").distinct()
        ranges = user_ranges(con, users, (growth.last - first).days + 1, params)
        with steps("labels_day", len(ranges)) as step:

            def parts() -> Iterator[ir.Table]:
                for part in ranges:
                    yield build_labels(part.of(daily), params)
                    step(str(part))

            rows = write_days(con, parts(), contract, params, first, last)
    growth.sign(contract.path(params))
    facts = {"days": f"{first} to {last}"}
    return Summary("labels_day", {contract.name: rows}, [contract.path(params)], facts)
