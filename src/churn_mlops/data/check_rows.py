"""Row checks as Ibis expressions: one pass tells every row its first failing check.

`check_users`, `check_events` and `check_subscriptions` take a raw table and return it with the
contract's typed columns, a column ``check`` (the number of the first failing check that is not
muted, null for a good row), a column ``muted`` (the first failing muted check) and the values as
they came, as text, in ``raw_<name>``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from churn_mlops.data.checks import muted
from churn_mlops.data.parse import typed
from churn_mlops.params import Params
from churn_mlops.tables import Contract, contracts

RAW = "raw_"
ARRIVED = "arrived"
"""The day of arrival of a raw row, where it is known; it stays beside the row."""
BESIDE = ("check", "muted", ARRIVED)
BROKEN = "\ufffd"
Fault = tuple[str, ir.BooleanValue]


def check_users(
    raw: ir.Table, params: Params, last_day: date, twice: ir.Table | None = None
) -> ir.Table:
    """Check the users.

    Parameters
    ----------
    raw : ibis Table
        Columns of `contracts.users`, as text or typed.
    params : Params
    last_day : date
        Nobody can have signed up after it.
    twice : ibis Table, optional
        The ids that occur more than once (`repeated_ids`); none when not given.
    """
    contract = contracts.users(params)
    table = _typed(raw, contract)
    faults = [
        *_common(table, contract),
        ("CHN122", table.signup_date > ibis.date(last_day)),
    ]
    return _first_only(_flagged(table, faults, params), twice, "user_id")


def check_events(
    raw: ir.Table,
    users: ir.Table,
    params: Params,
    last_day: date,
    twice: ir.Table | None = None,
) -> ir.Table:
    """Check the events.

    Parameters
    ----------
    raw : ibis Table
        Columns of `contracts.events`, as text or typed.
    users : ibis Table
        The good users: ``user_id`` and ``signup_date``.
    params : Params
    last_day : date
        Nothing can have happened after it.
    twice : ibis Table, optional
        The ids that occur more than once (`repeated_ids`); none when not given.
    """
    contract = contracts.events(params)
    table = _with_signup(_typed(raw, contract), users)
    day, kind = table.event_time.date(), table.event_type
    outside = ibis.literal(False)
    for name, measure in params.data.measures.items():
        value = table[name]
        bad = value.isnan() | value.isinf()
        if measure.min is not None:
            bad = bad | (value < measure.min)
        if measure.max is not None:
            bad = bad | (value > measure.max)
        outside = outside | bad.fill_null(False)
    lacking = ibis.literal(False)
    for event_type, name in params.validation.required.items():
        lacking = lacking | ((kind == event_type) & table[name].isnull())
    faults = [
        *_common(table, contract),
        ("CHN120", table.known.isnull()),
        ("CHN121", day < table.signup_date),
        ("CHN122", day > ibis.date(last_day)),
        ("CHN123", outside),
        ("CHN124", ~kind.isin(params.data.event_types)),
        ("CHN125", lacking),
    ]
    flagged = _flagged(table, faults, params).drop("known", "signup_date")
    return _first_only(flagged, twice, "event_id", "event_time")


def check_subscriptions(raw: ir.Table, users: ir.Table, params: Params) -> ir.Table:
    """Check the subscriptions against the good users."""
    contract = contracts.subscriptions(params)
    table = _with_signup(_typed(raw, contract), users)
    faults = [
        *_common(table, contract),
        ("CHN120", table.known.isnull()),
        ("CHN130", table.end_date < table.start_date),
    ]
    return _flagged(table, faults, params).drop("known", "signup_date")


def good(checked: ir.Table) -> ir.Table:
    """The rows that pass, typed columns only."""
    passing = checked.filter(checked.check.isnull())
    names = [n for n in checked.columns if not n.startswith(RAW) and n not in BESIDE]
    return passing.select(*names)


def _typed(raw: ir.Table, contract: Contract) -> ir.Table:
    return raw.select(
        **{name: typed(raw[name], kind) for name, kind in contract.types.items()},
        **{f"{RAW}{name}": raw[name].cast("string") for name in contract.names},
        **({ARRIVED: raw[ARRIVED]} if ARRIVED in raw.columns else {}),
    )


def _with_signup(table: ir.Table, users: ir.Table) -> ir.Table:
    known = users.select(known=users.user_id, signup_date=users.signup_date)
    return table.left_join(known, table.user_id == known.known)


def _common(table: ir.Table, contract: Contract) -> list[Fault]:
    """Faults that any table can have: keys, encoding, unreadable values."""
    needed = [column.name for column in contract.columns if not column.nullable]
    came = {name: table[f"{RAW}{name}"] for name in contract.names}
    empty = {name: text.isnull() | (text == "") for name, text in came.items()}
    texts = [column.name for column in contract.columns if column.type == "string"]
    broken = [came[name].contains(BROKEN) for name in texts]
    read = [column.name for column in contract.columns if column.type != "string"]
    unread = [table[name].isnull() & ~empty[name] for name in read]
    return [
        ("CHN110", ibis.or_(*(empty[name] for name in needed))),
        ("CHN111", ibis.or_(ibis.literal(False), *broken)),
        ("CHN112", ibis.or_(*unread)),
    ]


def _flagged(table: ir.Table, faults: Sequence[Fault], params: Params) -> ir.Table:
    quiet = muted(params)

    def first(chosen: list[Fault]) -> ir.StringValue:
        if not chosen:
            return ibis.null("string")
        return ibis.cases(*((fault.fill_null(False), number) for number, fault in chosen))

    return table.mutate(
        check=first([fault for fault in faults if fault[0] not in quiet]),
        muted=first([fault for fault in faults if fault[0] in quiet]),
    )


def repeated_ids(raw: ir.Table, key: str, contract: Contract) -> ir.Table:
    """The readable ids that occur more than once in a raw table; one column, ``id``."""
    ids = raw.select(id=typed(raw[key], contract.types[key]))
    return ids.group_by("id").having((ids.count() > 1) & ids.id.notnull()).agg().select("id")


def _first_only(flagged: ir.Table, twice: ir.Table | None, key: str, *before: str) -> ir.Table:
    """Flag all but the first good row of an id.

    Repeated ids are few: only their rows are put in order, not the whole table.
    """
    if twice is None:
        return flagged
    repeated = flagged[key].isin(twice.id).fill_null(False)
    single, several = flagged.filter(~repeated), flagged.filter(repeated)
    raw = [name for name in flagged.columns if name.startswith(RAW)]
    order = [several.check.notnull(), *(several[name] for name in (*before, *raw))]
    place = ibis.row_number().over(ibis.window(group_by=several[key], order_by=order))
    numbered = several.mutate(place=place)
    again = numbered.check.isnull() & (numbered.place > 0)
    marked = numbered.mutate(check=again.ifelse("CHN113", numbered.check))
    return single.union(marked.select(*single.columns))
