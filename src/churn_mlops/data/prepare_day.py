"""Brings the clean tables and the daily grid on by a day, at the cost of a day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import ibis
import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.data import growing, prepare_dataset, validate
from churn_mlops.data.calendar import Calendar, read_calendar
from churn_mlops.data.check_rows import good
from churn_mlops.data.checks import muted
from churn_mlops.data.delivery import Delivery
from churn_mlops.data.prepare_dataset import build_user_daily, daily_fingerprint
from churn_mlops.data.window import Checked
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import contracts, scan, write
from churn_mlops.tables.growth import Growth
from churn_mlops.tables.parts import user_ranges
from churn_mlops.tables.writer import hold_as, write_days


def run(params: Params, delivery: Delivery | None = None) -> Summary:
    """Write the clean tables and user_daily up to the day of the watermark.

    Where days cannot be added, all of it is checked and made as a whole; the summary tells why.

    Parameters
    ----------
    params : Params
    delivery : Delivery, optional
        What the gate has checked; closed in the end.

    Raises
    ------
    ContractError
        The gate has not passed the day (`validate_day`).
    """
    growth = growing.growth(contracts.user_daily(params), params, daily_fingerprint(params))
    if isinstance(growth, Growth):
        calendar = read_calendar(params)
        if calendar.last_day != growth.last:
            raise ContractError(
                f"the gate has judged days up to {calendar.last_day}, but {growth.last} was"
                " ingested",
                fix="run validate_day first",
            )
        with closing(delivery or Delivery(params)) as here, here.checked(growth) as (con, checked):
            earlier = growing.begins_earlier(con, checked, params)
            if earlier is None:
                return _grown(con, checked, growth, params)
            growth = earlier
    # The report of a day's delivery promises less than the whole is held to.
    validate.run(params)
    return growth.told(prepare_dataset.run(params), "prepare_day")


def _grown(con: engine.Engine, checked: Checked, growth: Growth, params: Params) -> Summary:
    rows: dict[str, int] = {}
    outputs = []
    for name in ("users", "subscriptions"):
        contract = getattr(contracts, name)(params, "processed")
        table = getattr(checked, name)
        if table is not None:
            rows[contract.name] = write(con, contract.sorted(good(table)), contract, params)
            outputs.append(contract.path(params))
    events, daily = contracts.events(params, "processed"), contracts.user_daily(params)
    happened = good(checked.events)
    days = (growth.first, growth.last)
    rows[events.name] = write_days(con, [happened], events, params, *days)
    growth.sign(events.path(params))
    calendar = Calendar(*days)
    users = good(checked.users)
    present = _present(con, growth, params)
    ranges = user_ranges(con, users, calendar.days, params)
    with steps("prepare_day", len(ranges)) as step:

        def parts() -> Iterator[ir.Table]:
            for part in ranges:
                before = None if present is None else part.of(present)
                yield build_user_daily(part.of(happened), part.of(users), calendar, params, before)
                step(str(part))

        rows[daily.name] = write_days(con, parts(), daily, params, *days)
    growth.sign(daily.path(params))
    outputs += [events.path(params), daily.path(params)]
    return Summary("prepare_day", rows, outputs, {"days": f"{days[0]} to {days[1]}"})


def _present(con: engine.Engine, growth: Growth, params: Params) -> ir.Table | None:
    """Who has rows already; asked for only when rows can begin before the sign-up."""
    if "CHN121" not in muted(params):
        return None
    daily = scan(con, contracts.user_daily(params), params, growth.day_before)
    known = daily.filter(daily.as_of_date == ibis.literal(growth.day_before))
    return hold_as(con, "present", known.select("user_id"))
