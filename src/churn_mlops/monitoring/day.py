"""The day that is checked: its users' rows per bin, a sample of them, and the days before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from churn_mlops.engine import Engine
from churn_mlops.errors import ContractError
from churn_mlops.features.catalogue import features_contract
from churn_mlops.features.eligibility import eligible
from churn_mlops.inference.batch_score import choose_day
from churn_mlops.monitoring.bins import CategoricalBins, NumericBins
from churn_mlops.monitoring.reference import RISK, Reference
from churn_mlops.monitoring.structure import HISTORY_DAYS, History
from churn_mlops.params import Params
from churn_mlops.registry.bundle import Bundle
from churn_mlops.registry.meta import Meta
from churn_mlops.tables import Column, present, scan
from churn_mlops.tables.batches import batches

SAMPLE_ROWS = 20_000
# No column of users can have this name.
ELIGIBLE = "@eligible"
OWN = ("as_of_date", ELIGIBLE)
NEEDED = ("user_id", "as_of_date", "is_eligible")


@dataclass(frozen=True)
class Day:
    """What is known about the eligible users of one day.

    Parameters
    ----------
    day : date
    users : int
    counts : mapping of str to array of int, each of shape (bins,)
        All users per reference bin, by column; `RISK` is one of them when they could be scored.
    sample : mapping of str to array, each of shape (m,)
        Raw values of at most `SAMPLE_ROWS` users.
    """

    day: date
    users: int
    counts: Mapping[str, np.ndarray]
    sample: Mapping[str, np.ndarray]

    @property
    def mean_risk(self) -> float | None:
        """Mean risk of the sample."""
        return float(self.sample[RISK].mean()) if RISK in self.sample else None


def day_of(day: date, values: Mapping[str, np.ndarray], reference: Reference) -> Day:
    """A day whose users are all in memory; columns that the reference does not know are left out.

    Parameters
    ----------
    day : date
    values : mapping of str to array, each of shape (users,)
    reference : Reference
    """
    known = {name: values[name] for name in reference.bins if name in values}
    users = len(next(iter(known.values()), ()))
    return Day(day, users, _counts(known, reference.bins), known)


def open_features(con: Engine, meta: Meta, params: Params, since: date | None = None) -> ir.Table:
    """Open user_features_daily with what the model wants of it, as far as it is there.

    A feature that is text where the model wants a number, or the reverse, is as good as gone.

    Parameters
    ----------
    con : Engine
    meta : Meta
        The champion's.
    params : Params
    since : date, optional
        Only the rows of this day and later.

    Raises
    ------
    ContractError
        It is not there, lacks a column that tells whose row it is, or holds what cannot be read.
    """
    contract = features_contract(params)
    wanted = {column.name: column for column in contract.columns}
    wanted |= {f.name: Column(f.name, f.type) for f in meta.features}
    there = set(present(contract, params))
    missing = [name for name in NEEDED if name not in there]
    if missing:
        raise ContractError(
            f"{contract.path(params)} lacks {', '.join(missing)}",
            fix="build the features again: `dvc repro build_features`",
        )
    kept = tuple(column for column in wanted.values() if column.name in there)
    table = scan(con, replace(contract, columns=kept), params, since)
    fits = [c.name for c in kept if table[c.name].type().is_string() == (c.type == "string")]
    return table.select(*fits)


def daily_totals(table: ir.Table, params: Params) -> pa.Table:
    """Eligible users and events of each counted kind, one row per day."""
    events = [name for name in params.features.counts if name in table.columns]
    sums = {name: table[name].sum().fill_null(0).cast("int64") for name in events}
    sums |= {ELIGIBLE: table.is_eligible.sum()}
    return table.group_by("as_of_date").agg(**sums).to_pyarrow()


def history_of(totals: pa.Table, wanted: date | None) -> History:
    """Totals of the day to check and of the `HISTORY_DAYS` days before it.

    Parameters
    ----------
    totals : pyarrow Table
        From `daily_totals`.
    wanted : date or None
        None: the last day.

    Raises
    ------
    NotEnoughDataError
        The day is not in the data or has nobody eligible.
    """
    users = dict(zip(totals["as_of_date"].to_pylist(), totals[ELIGIBLE].to_pylist(), strict=True))
    day = choose_day(users, wanted)
    kept = [d for d in sorted(users) if day - timedelta(days=HISTORY_DAYS) <= d <= day]
    place = {d: i for i, d in enumerate(totals["as_of_date"].to_pylist())}
    rows = [place[d] for d in kept]
    return History(
        kept,
        {n: totals[n].to_numpy()[rows] for n in totals.column_names if n not in OWN},
        np.array([users[d] for d in kept]),
    )


def read_day(
    con: Engine,
    table: ir.Table,
    history: History,
    bundle: Bundle,
    reference: Reference,
    params: Params,
) -> Day:
    """Stream the day's eligible users through the bins and, when no feature is gone, the model."""
    day, users = history.days[-1], int(history.users[-1])
    names = [name for name in bundle.meta.feature_names if name in table.columns]
    rows = eligible(table.filter(table.as_of_date == day), params).select("user_id", *names)
    keep = np.zeros(users, dtype=bool)
    chosen = np.random.default_rng(params.training.seed).permutation(users)[:SAMPLE_ROWS]
    keep[chosen] = True
    counts: dict[str, np.ndarray] = {}
    samples: list[dict[str, np.ndarray]] = []
    at = 0
    for batch in batches(con, rows, params.scoring.batch_rows):
        values = _values(batch, names, bundle)
        for name, found in _counts(values, reference.bins).items():
            counts[name] = counts.get(name, 0) + found
        picked = keep[at : at + batch.num_rows]
        samples.append({name: column[picked] for name, column in values.items()})
        at += batch.num_rows
    sample = {name: np.concatenate([part[name] for part in samples]) for name in samples[0]}
    return Day(day, at, counts, sample)


def _values(batch: pa.RecordBatch, names: list[str], bundle: Bundle) -> dict[str, np.ndarray]:
    table = pa.Table.from_batches([batch])
    values = {name: table[name].to_numpy() for name in names}
    if len(names) == len(bundle.meta.feature_names):
        values[RISK] = bundle.score(bundle.encode(values))
    return values


def _counts(
    values: Mapping[str, np.ndarray], bins: Mapping[str, NumericBins | CategoricalBins]
) -> dict[str, np.ndarray]:
    return {
        name: np.bincount(bins[name].codes(column), minlength=bins[name].count)
        for name, column in values.items()
    }
