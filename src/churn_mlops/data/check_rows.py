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
from churn_mlops.data.parse import text_of, typed
from churn_mlops.params import Params
from churn_mlops.tables import Contract, contracts

RAW = "raw_"
BROKEN = "\ufffd"
Fault = tuple[str, ir.BooleanValue]


def check_users(raw: ir.Table, params: Params, last_day: date) -> ir.Table:
    """Check the users.

    Parameters
    ----------
    raw : ibis Table
        Columns of `contracts.users`, as text or typed.
    params : Params
    last_day : date
        Nobody can have signed up after it.
    """
    contract = contracts.users(params)
    table = _typed(raw, contract)
    faults = [
        *_common(table, contract),
        ("CHN122", table.signup_date > ibis.date(last_day)),
    ]
    return _without_duplicates(_flagged(table, faults, params), "user_id", contract)


def check_events(
    raw: ir.Table, users: ir.Table, params: Params, last_day: date
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
    return _without_duplicates(flagged, "event_id", contract)


def check_subscriptions(
    raw: ir.Table, users: ir.Table, params: Params
) -> ir.Table:
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
    names = [n for n in checked.columns if not n.startswith(RAW) and n not in ("check", "muted")]
    return passing.select(*names)


def _typed(raw: ir.Table, contract: Contract) -> ir.Table:
    return raw.select(
        **{name: typed(raw[name], kind) for name, kind in contract.types.items()},
        **{f"{RAW}{name}": raw[name].cast("string") for name in contract.names},
    )


def _with_signup(table: ir.Table, users: ir.Table) -> ir.Table:
    known = users.select(known=users.user_id, signup_date=users.signup_date)
    return table.left_join(known, table.user_id == known.known)


def _common(table: ir.Table, contract: Contract) -> list[Fault]:
    """Faults that any table can have: keys, encoding, unreadable values."""
    needed = [column.name for column in contract.columns if not column.nullable]
    empty = {name: text_of(table[f"{RAW}{name}"]).isnull() for name in contract.names}
    broken = [table[f"{RAW}{name}"].contains(BROKEN).fill_null(False) for name in contract.names]
    unread = [~empty[name] & table[name].isnull() for name in contract.names]
    return [
        ("CHN110", ibis.or_(*(empty[name] for name in needed))),
        ("CHN111", ibis.or_(*broken)),
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


def _without_duplicates(flagged: ir.Table, key: str, contract: Contract) -> ir.Table:
    """Flag all but the first good row of an id.

    Ids that occur twice are few: only their rows are put in order, not the whole table.
    """
    passing = flagged.filter(flagged.check.isnull())
    twice = passing.group_by(key).having(passing.count() > 1).agg(n=passing.count())
    of_twice = flagged[key].isin(twice[key]) & flagged.check.isnull()
    single = flagged.filter(~of_twice.fill_null(False))
    several = flagged.filter(of_twice)
    order = ["event_time"] if "event_time" in contract.names else ["signup_date"]
    order += [name for name in flagged.columns if name.startswith(RAW)]
    place = ibis.row_number().over(ibis.window(group_by=key, order_by=order))
    numbered = several.mutate(place=place)
    marked = numbered.mutate(
        check=(numbered.place > 0).ifelse("CHN113", ibis.null("string"))
    ).drop("place")
    return single.union(marked.select(*single.columns))
