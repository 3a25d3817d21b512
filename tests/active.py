"""Who was active on the days of a watched champion: user_daily to go with its features."""

from __future__ import annotations

from collections.abc import Iterable

import ibis
import numpy as np
import pyarrow as pa

from churn_mlops import engine
from churn_mlops.params import Params
from churn_mlops.tables import contracts, write
from tests.watched import DAYS, day, log

NOISE = 0.15


def put_activity(
    params: Params,
    last: int = DAYS - 1,
    mixed_up: Iterable[int] = (),
    odds: dict[int, float] | None = None,
) -> None:
    """Write user_daily up to the n-th day: who is about to leave is mostly away on the next day.

    On days that are `mixed_up` each user has another one's activity; on others the odds of an
    active day are multiplied.
    """
    features, labels = log()
    days = features["as_of_date"].to_numpy()
    users = features["user_id"].to_numpy()
    rng = np.random.default_rng(11)
    active = np.zeros(len(labels), dtype=np.int8)
    for n in range(last + 1):
        here = days == np.datetime64(day(n))
        before = days == np.datetime64(day(max(n - 1, 0)))
        there = np.where(labels[before] == 1, NOISE, 1 - NOISE)
        factor = (odds or {}).get(n, 1.0)
        there = factor * there / (factor * there + 1 - there)
        drawn = rng.random(here.sum()) < there
        active[here] = rng.permutation(drawn) if n in mixed_up else drawn
    known = days <= np.datetime64(day(last))
    contract = contracts.user_daily(params)
    columns = {"user_id": users[known], "as_of_date": days[known], "is_active_day": active[known]}
    schema = ibis.schema(contract.types).to_pyarrow()
    count = int(known.sum())
    arrays = [pa.array(columns.get(f.name, np.zeros(count))).cast(f.type) for f in schema]
    with engine.connect(params) as con:
        write(con, pa.Table.from_arrays(arrays, schema=schema), contract, params)
