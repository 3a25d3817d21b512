"""Stage generate_data: brings the event log in from the source that `data.source` names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from churn_mlops import engine
from churn_mlops.errors import ParamsError
from churn_mlops.params import Params
from churn_mlops.params.rules import nearest
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import Writer, contracts


def run(params: Params, since: date | None = None) -> Summary:
    """Write the raw tables.

    Parameters
    ----------
    params : Params
    since : date, optional
        Bring in only the events of this day and later; for databases, which can filter.
    """
    if since is not None and params.data.source != "sql":
        raise ParamsError(
            f"only a database can be asked for new days; data.source is '{params.data.source}'",
            fix="leave out --since, or set data.source: sql",
        )
    if params.data.source == "synthetic":
        return _synthetic(params)
    from churn_mlops.data import sources

    return sources.run(params, since)


def _synthetic(params: Params) -> Summary:
    from churn_mlops.data.generate_synthetic import BLOCK_USERS, blocks

    portal = params.data.synthetic
    start = params.data.start_date or date(2025, 1, 1)
    users, events = contracts.users(params), contracts.events(params)
    days = -(-portal.days // 60)
    total = -(-portal.users // BLOCK_USERS) * days
    with (
        engine.embedded(params) as con,
        Writer(users, params) as users_out,
        Writer(events, params) as events_out,
        steps("generate_data", total) as step,
    ):
        try:
            for block in blocks(portal, start):
                _require(users.names, block.users.column_names, "features.static")
                _require(events.names, block.events.column_names, "data.measures")
                users_out.append(con, block.users)
                events_out.append(con, block.events)
                step(f"{events_out.rows:,} events")
        except ValueError as error:
            raise ParamsError(f"data.synthetic: {error}") from error
    rows = {users.name: users_out.rows, events.name: events_out.rows}
    return Summary("generate_data", rows, [users_out.path, events_out.path])


def _require(names: Sequence[str], present: Sequence[str], key: str) -> None:
    for name in names:
        if name not in present:
            raise ParamsError(
                f"{key}: the synthetic portal has no '{name}'{nearest(name, present)}",
                fix=f"it has {', '.join(present)}",
            )
