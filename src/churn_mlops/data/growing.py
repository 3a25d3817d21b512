"""Which days the daily steps work on, as far as the watermark and the gate's report tell."""

from __future__ import annotations

from datetime import date

from churn_mlops import engine
from churn_mlops.data.calendar import known_first_day
from churn_mlops.data.check_rows import good
from churn_mlops.data.watermark import read_watermark
from churn_mlops.data.window import Checked
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables import Contract
from churn_mlops.tables.growth import Growth, Whole, growth_of


def ingested_until(params: Params) -> date | None:
    """The last day that was ingested; None when the raw tables were read as a whole."""
    mark = read_watermark(params)
    return mark.as_of if mark is not None and mark.ingested else None


def growth(
    contract: Contract, params: Params, sign: str, reach: date | None = None
) -> Growth | Whole:
    """Tell which days of a table to work on, up to the watermark (`tables.growth`)."""
    found = growth_of(contract, params, sign, ingested_until(params), reach)
    if isinstance(found, Growth):
        begin = first_day(params)
        if begin is None:
            return Whole("there is no report of the gate")
        if found.first <= begin:
            return Whole(f"the log begins on {begin}")
    return found


def first_day(params: Params) -> date | None:
    """The first day of the log as the gate told it, passed or not."""
    try:
        return known_first_day(params)
    except ContractError:
        # Without it all is made as a whole, the report as well.
        return None


def begins_earlier(con: engine.Engine, checked: Checked, params: Params) -> Whole | None:
    """Tell when a new user moves the first day of the log back, which changes all tables."""
    begin = first_day(params)
    if params.data.start_date is not None or begin is None:
        return None
    earliest = engine.value(con, good(checked.users).signup_date.min())
    if earliest is not None and earliest < begin:
        return Whole(f"a user who signed up on {earliest} has arrived; the log began on {begin}")
    return None
