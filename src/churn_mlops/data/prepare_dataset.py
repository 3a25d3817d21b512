"""Stage prepare_data: typed and clean tables, and the dense daily grid."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from churn_mlops import engine
from churn_mlops.data.calendar import Calendar, read_calendar, read_report
from churn_mlops.data.check_rows import good
from churn_mlops.data.raw_tables import open_raw, readable
from churn_mlops.data.validate import checked_tables, gate_fingerprint
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import Contract, Writer, contracts, scan, write
from churn_mlops.tables.contract import MICRO
from churn_mlops.tables.made import fingerprint
from churn_mlops.tables.parts import hold, user_ranges


def build_user_daily(
    events: ir.Table,
    users: ir.Table,
    calendar: Calendar,
    params: Params,
    present: ir.Table | None = None,
) -> ir.Table:
    """Build the dense daily grid.

    A user's rows begin on the day of sign-up, or of the first event if that is earlier, but not
    before the log does; they end on the last complete day. Measures are rounded to six decimals
    before they are added, so that sums are exact.

    Parameters
    ----------
    events, users : ibis Table
        events_clean and users_clean.
    calendar : Calendar
        First and last day of the log, or of the days that are wanted.
    params : Params
    present : ibis Table, optional
        Users (``user_id``) who have rows before the first day already.

    Returns
    -------
    ibis Table
        user_daily, unordered.
    """
    dated = events.mutate(as_of_date=events.event_time.date())
    dated = dated.filter(dated.as_of_date <= calendar.last_day)
    daily = _aggregate(dated, params)
    grid = _grid(dated, users, calendar, present)
    joined = grid.left_join(daily, ["user_id", "as_of_date"])
    counts = ("is_active_day", "total_events", *params.features.counts)
    return joined.select(
        "user_id",
        "as_of_date",
        **{name: joined[name].fill_null(0) for name in counts},
        **{name: joined[name].fill_null(0.0) for name in params.features.sums},
        **{name: joined[name] for name in params.features.means},
        days_since_signup=ibis.greatest(joined.as_of_date.delta(joined.signup_date, unit="day"), 0),
    ).select(*contracts.user_daily(params).names)


def _grid(
    dated: ir.Table, users: ir.Table, calendar: Calendar, present: ir.Table | None
) -> ir.Table:
    """Every user on every day from the user's first row on."""
    if present is not None:
        before = present.select("user_id", as_of_date=ibis.date(calendar.first_day))
        dated = dated.select("user_id", "as_of_date").union(before)
    first = dated.group_by("user_id").agg(first_event=dated.as_of_date.min())
    started = users.select("user_id", "signup_date").left_join(first, "user_id")
    started = started.select(
        "user_id",
        "signup_date",
        begin=ibis.least(
            started.signup_date, ibis.coalesce(started.first_event, started.signup_date)
        ),
    )
    days = [calendar.first_day + timedelta(days=n) for n in range(calendar.days)]
    calendar_days = ibis.memtable(pa.table({"as_of_date": pa.array(days, pa.date32())}))
    grid = started.cross_join(calendar_days)
    return grid.filter(grid.as_of_date >= grid.begin).drop("begin")


def _aggregate(dated: ir.Table, params: Params) -> ir.Table:
    features, kind = params.features, dated.event_type
    active = params.churn.active_events or params.data.event_types

    def micro(measure: str, types: tuple[str, ...] | None) -> ir.Value:
        value = (dated[measure] * MICRO).round().cast("int64")
        return value if types is None else kind.isin(types).ifelse(value, ibis.null("int64"))

    def exact(value: ir.Value) -> ir.Value:
        return value.sum().cast("float64") / MICRO

    means = {
        name: (micro(entry.measure, entry.events), entry) for name, entry in features.means.items()
    }
    return dated.group_by("user_id", "as_of_date").agg(
        is_active_day=kind.isin(active).cast("int8").max(),
        total_events=dated.count(),
        **{name: kind.isin(types).cast("int32").sum() for name, types in features.counts.items()},
        **{
            name: exact(micro(entry.measure, entry.events)) for name, entry in features.sums.items()
        },
        **{
            name: (value.sum().cast("float64") / value.count().nullif(0) / MICRO).round(6)
            for name, (value, _) in means.items()
        },
    )


def daily_fingerprint(params: Params) -> str:
    """What the clean tables and the daily grid depend on, beside the raw tables."""
    features = params.features
    body = [
        gate_fingerprint(params),
        params.churn.active_events,
        features.model_dump(mode="json", include={"counts", "sums", "means"}),
    ]
    return fingerprint(body, ("data", "tables"))


def run(params: Params) -> Summary:
    """Read the raw tables, drop what validate_data quarantined, write the processed tables."""
    calendar, report = read_calendar(params), read_report(params)
    by_day: dict[str, Any] = {
        "last_day": calendar.last_day,
        "fingerprint": daily_fingerprint(params),
    }
    rows: dict[str, int] = {}
    outputs = []
    with engine.connect(params) as con, readable(Path(params.paths.data) / "raw"):
        for name, checked in checked_tables(con, open_raw(con, params), params).items():
            contract: Contract = getattr(contracts, name)(params, "processed")
            clean = contract.sorted(good(checked))
            rows[contract.name] = write(con, clean, contract, params, **by_day)
            outputs.append(contract.path(params))
            _same_rows(name, rows[contract.name], report)
        if not params.data.subscriptions:
            none = contracts.subscriptions(params, "processed")
            write(con, ibis.memtable([], schema=none.types), none, params)
            outputs.append(none.path(params))
        users = scan(con, contracts.users(params, "processed"), params)
        ranges = user_ranges(con, users, calendar.days, params)
        events = hold(con, scan(con, contracts.events(params, "processed"), params), ranges, params)
        daily = contracts.user_daily(params)
        with Writer(daily, params, **by_day) as out, steps("prepare_data", len(ranges)) as step:
            for part in ranges:
                table = build_user_daily(part.of(events), part.of(users), calendar, params)
                out.append(con, daily.sorted(table))
                step(str(part))
    rows[daily.name] = out.rows
    return Summary("prepare_data", rows, [*outputs, out.path])


def _same_rows(name: str, written: int, report: dict[str, Any]) -> None:
    """Hold the gate to its word: what it let through is what is written."""
    promised = report["tables"][name]["rows_ok"]
    if written != promised:
        raise ContractError(
            f"{name}: validate_data let {promised} rows through, prepare_data has {written}",
            fix="the raw data or the parameters changed in between: run `dvc repro validate_data`",
        )
