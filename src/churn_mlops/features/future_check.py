"""CHN302: no feature knows the future. Tried out on the user's own data, by permutation.

For some users, everything after a day is shuffled among them and over time, and their features
are computed once more. Rows up to that day must not change: whatever does has looked ahead.
"""

from __future__ import annotations

from collections.abc import Callable

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from churn_mlops.errors import LeakageError
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params

Build = Callable[[ir.Table, ir.Table, Params, ir.Table | None], ir.Table]
CHECK = "CHN302"
SAMPLE_USERS, SEED = 50, 0
# What is known about a day before it comes.
FIXED = frozenset({"user_id", "as_of_date", "days_since_signup"})
TOLERANCE = 1e-9


def require_no_future(
    build: Build,
    daily: ir.Table,
    users: ir.Table,
    params: Params,
    subscriptions: ir.Table | None = None,
) -> None:
    """Raise `LeakageError` when a feature changes with what happens after its day.

    Parameters
    ----------
    build : callable
        `churn_mlops.features.build_features.build_features`.
    daily, users, subscriptions : ibis Table
        As `build` takes them; some users are looked at.
    params : Params
    """
    if CHECK in params.validation.muted:
        return
    sample = users.select("user_id").order_by("user_id").limit(SAMPLE_USERS)
    arrow = daily.semi_join(sample, "user_id").order_by("user_id", "as_of_date").to_pyarrow()
    days = arrow["as_of_date"].to_numpy()
    if len(np.unique(days)) < 2:
        return
    middle = np.unique(days)[len(np.unique(days)) // 2 - 1]
    altered = shuffled_after(arrow, middle, SEED)
    few = users.semi_join(sample, "user_id")
    last = ibis.literal(middle.astype("datetime64[D]").item())

    def known(table: pa.Table) -> pa.Table:
        made = build(ibis.memtable(table), few, params, subscriptions)
        kept = made.filter(made.as_of_date <= last)
        return kept.order_by("user_id", "as_of_date").to_pyarrow()

    told = changed(known(arrow), known(altered), features_contract(params).names)
    if told:
        raise LeakageError(
            f"{CHECK}: {', '.join(told)} at days up to {middle} changed when what came after was"
            " shuffled: it knows the future",
            fix="compute it from rows up to as_of_date only",
        )


def shuffled_after(daily: pa.Table, day: np.datetime64, seed: int) -> pa.Table:
    """Shuffle what happened after a day among users and days; the rest stays.

    Parameters
    ----------
    daily : pyarrow Table
        user_daily.
    day : datetime64
    seed : int
    """
    later = np.flatnonzero(daily["as_of_date"].to_numpy() > day)
    order = np.arange(len(daily))
    order[later] = np.random.default_rng(seed).permutation(later)
    columns = {
        name: daily[name] if name in FIXED else daily[name].take(pa.array(order))
        for name in daily.column_names
    }
    return pa.table(columns)


def changed(before: pa.Table, after: pa.Table, names: tuple[str, ...]) -> list[str]:
    """Names of the columns in which two tables with the same rows differ."""
    found = []
    for name in names:
        one, other = before[name], after[name]
        if pa.types.is_floating(one.type):
            a, b = one.to_numpy(), other.to_numpy()
            same = np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        else:
            same = one.combine_chunks().equals(other.combine_chunks())
        if not same:
            found.append(name)
    return found
