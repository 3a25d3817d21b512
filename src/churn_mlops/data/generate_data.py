"""Stage generate_data: brings the event log in from the source that `data.source` names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_mlops import engine
from churn_mlops.data.arrivals import csv_sizes
from churn_mlops.data.bad_days import bad_days_path, write_bad_days
from churn_mlops.data.columns import contract_of
from churn_mlops.data.seen_files import seen_path
from churn_mlops.data.watermark import (
    Watermark,
    read_watermark,
    source_of,
    watermark_path,
    write_watermark,
)
from churn_mlops.errors import ContractError, ParamsError
from churn_mlops.params import Params
from churn_mlops.params.rules import nearest
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import Writer, contracts

if TYPE_CHECKING:
    from churn_mlops.data.generate_synthetic import Block


def run(params: Params, anew: bool = False) -> Summary:
    """Write the raw tables, unless days have been ingested into them.

    Parameters
    ----------
    params : Params
    anew : bool
        Read the source as a whole once more, also when days have been ingested.

    Raises
    ------
    ContractError
        Days were ingested from another source than the one that the parameters name.
    """
    mark = read_watermark(params)
    if mark is not None and mark.ingested and not anew:
        if mark.source == source_of(params):
            return _kept(params, mark)
        if params.data.source != "synthetic":
            raise ContractError(
                "days were ingested into data/raw from another source than params.yaml: data now"
                " names",
                fix="go on in a new workspace (paths.data), or give up what was ingested:"
                " `churn generate-data --anew`",
            )
    # Without a watermark nothing counts as held, whatever happens until the next one is written.
    watermark_path(params).unlink(missing_ok=True)
    seen_path(params).unlink(missing_ok=True)
    summary = _synthetic(params) if params.data.source == "synthetic" else _others(params)
    if not bad_days_path(params).exists():
        write_bad_days(params, [])
    as_of = params.data.end_date
    if params.data.source == "synthetic":
        as_of = params.data.last_synthetic_day
    sizes = csv_sizes([contract_of(name, params) for name in summary.rows], params)
    write_watermark(params, Watermark(as_of, False, source_of(params), sizes))
    return summary


def _kept(params: Params, mark: Watermark) -> Summary:
    names = ["users", "events", *(["subscriptions"] if params.data.subscriptions else [])]
    paths = [contract_of(name, params).path(params) for name in names]
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise ContractError(
            f"days were ingested up to {mark.as_of}, but there is no {', '.join(missing)}",
            fix="bring it back (`dvc checkout`), or read the source anew as a whole:"
            " `churn generate-data --anew`",
        )
    facts = {"kept": f"as ingested up to {mark.as_of}; --anew reads the source as a whole"}
    return Summary("generate_data", {}, [], facts)


def _others(params: Params) -> Summary:
    from churn_mlops.data import sources

    return sources.run(params)


def portal_blocks(params: Params, first: date, last: date) -> Iterator[Block]:
    """Generate what the synthetic portal delivers from one day to another, both included.

    Raises
    ------
    ParamsError
        An impossible portal, or one without a column that the parameters name.
    """
    from churn_mlops.data.generate_synthetic import blocks

    start = params.data.start_date or date(2025, 1, 1)
    users, events = contracts.users(params), contracts.events(params)
    try:
        days = (first - start).days, (last - start).days
        for block in blocks(params.data.synthetic, start, *days):
            _require(users.names, block.users.column_names, "features.static")
            _require(events.names, block.events.column_names, "data.measures")
            yield block
    except ValueError as error:
        raise ParamsError(f"data.synthetic: {error}") from error


def _synthetic(params: Params) -> Summary:
    from churn_mlops.data.generate_synthetic import BLOCK_USERS

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
        for block in portal_blocks(params, start, params.data.last_synthetic_day):
            users_out.append(con, block.users)
            events_out.append(con, block.events)
            step(f"{events_out.rows:,} events")
    rows = {users.name: users_out.rows, events.name: events_out.rows}
    return Summary("generate_data", rows, [users_out.path, events_out.path])


def _require(names: Sequence[str], present: Sequence[str], key: str) -> None:
    for name in names:
        if name not in present:
            raise ParamsError(
                f"{key}: the synthetic portal has no '{name}'{nearest(name, present)}",
                fix=f"it has {', '.join(present)}",
            )
