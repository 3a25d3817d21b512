"""Stage batch_score: a day's eligible users, ranked by risk, with reasons."""

from __future__ import annotations

import math
import os
import shutil
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from churn_mlops import engine
from churn_mlops.engine import Engine
from churn_mlops.errors import NotEnoughDataError
from churn_mlops.features.catalogue import features_contract
from churn_mlops.features.eligibility import eligible
from churn_mlops.inference.decision import (
    CONTACT,
    HOLD_OUT,
    NONE,
    expected_profit,
    held_out,
    list_size,
)
from churn_mlops.inference.explain import Explainer
from churn_mlops.inference.kept import COLUMNS, keep, kept_path
from churn_mlops.inference.predictions import (
    REASONS,
    RISK_DECIMALS,
    context_names,
    latest_path,
    predictions_contract,
    predictions_path,
    store_path,
    top_path,
)
from churn_mlops.inference.user_store import write_store
from churn_mlops.params import Params
from churn_mlops.progress import Step, steps
from churn_mlops.registry.bundle import Bundle
from churn_mlops.registry.champion import load_champion
from churn_mlops.registry.fit import require_fit
from churn_mlops.summary import Summary
from churn_mlops.tables import Contract, scan, write
from churn_mlops.tables.batches import batches
from churn_mlops.tables.folders import days_of

SCORED = {"churn_risk": "float64", "model_version": "string"}
"""What scoring adds to a row."""


def run(params: Params, as_of_date: date | None = None, top_k: int | None = None) -> Summary:
    """Score a day and write its predictions, its contact list and the latest predictions.

    What was predicted is also kept in data/scored, outside of DVC's outputs, to be graded later.
    Looking back takes nothing's place: of an earlier day than the last one of the data, what is
    kept stays as it was predicted then, and the latest predictions stay unless
    ``scoring.as_of_date`` asks for that day.

    Parameters
    ----------
    params : Params
    as_of_date : date, optional
        Instead of ``scoring.as_of_date``.
    top_k : int, optional
        Instead of ``scoring.top_k``.

    Raises
    ------
    BundleError
        There is no sound champion, or it was trained for other features or another label.
    NotEnoughDataError
        The day is not in the data or has nobody eligible.
    """
    if top_k:
        scoring = params.scoring.model_copy(update={"top_k": top_k})
        params = params.model_copy(update={"scoring": scoring})
    bundle = load_champion(params)
    require_fit(bundle, params)
    with engine.connect(params) as con, engine.embedded(params) as own:
        wanted = as_of_date or params.scoring.as_of_date
        day, count, last = _day_to_score(con, wanted, params)
        features = scan(con, features_contract(params), params, since=day)
        rows = eligible(features.filter(features.as_of_date == ibis.literal(day)), params)
        with steps("batch_score", math.ceil(count / params.scoring.batch_rows) + 1) as step:
            _score_all(con, rows, bundle, own, params, step)
            listed = _decide(own, day, params)
            everybody = params.scoring.reasons_for == "everybody"
            _explain_all(own, count if everybody else listed, bundle, params)
            step("reasons")
        return _write(own, day, last, bundle, params)


def _day_to_score(con: Engine, wanted: date | None, params: Params) -> tuple[date, int, date]:
    """The day, how many are eligible on it, and the last day of the data.

    The history is read only if the day is not the last.
    """
    contract = features_contract(params)
    last = max(days_of(contract.path(params)), default=None)
    if last is not None and wanted in (None, last):
        counts = _eligible_per_day(scan(con, contract, params, since=last))
        if counts.get(last) and max(counts) == last:
            return last, counts[last], last
    counts = _eligible_per_day(scan(con, contract, params))
    day = choose_day(counts, wanted)
    return day, counts[day], max(counts)


def _eligible_per_day(features: ir.Table) -> dict[date, int]:
    counts = features.group_by("as_of_date").agg(n=features.is_eligible.sum()).to_pyarrow()
    return dict(zip(counts["as_of_date"].to_pylist(), counts["n"].to_pylist(), strict=True))


def choose_day(eligible_per_day: Mapping[date, int], wanted: date | None) -> date:
    """The day to score: the wanted one, or the last one of the data.

    Raises
    ------
    NotEnoughDataError
        The day is not in the data or has nobody eligible; names the nearest days that do.
    """
    days = sorted(day for day, count in eligible_per_day.items() if count)
    if not days:
        raise NotEnoughDataError(
            "user_features_daily has no eligible user on any day",
            fix="bring more data or raise churn.active_within_days",
        )
    day = wanted or max(eligible_per_day)
    if eligible_per_day.get(day):
        return day
    place = bisect_left(days, day)
    near = " and ".join(str(d) for d in days[max(place - 1, 0) : place + 1])
    why = "has no eligible user" if day in eligible_per_day else "is not in user_features_daily"
    raise NotEnoughDataError(
        f"{day} {why}, which runs from {min(eligible_per_day)} to {max(eligible_per_day)}",
        fix=f"choose another scoring.as_of_date; nearest with eligible users: {near}",
    )


def _score_all(
    con: Engine, rows: ir.Table, bundle: Bundle, own: Engine, params: Params, step: Step
) -> None:
    """Stream the rows through the model into the table `scored`, which may spill to disk."""
    extra = [n for n in context_names(params) if n not in bundle.meta.feature_names]
    wanted = rows.select("user_id", "as_of_date", *bundle.meta.feature_names, *extra)
    on_workers = con.name != "duckdb"
    if on_workers:
        schema = ibis.schema(dict(wanted.schema()) | SCORED)
        wanted = con.map_batches(wanted, partial(scored_batches, bundle=bundle), schema)
    done = 0
    for batch in batches(con, wanted, params.scoring.batch_rows):
        table = pa.Table.from_batches([batch])
        _insert(own, "scored", table if on_workers else scored(table, bundle))
        done += batch.num_rows
        step(f"{done:,} users")


def scored_batches(batches: Iterable[pa.RecordBatch], bundle: Bundle) -> Iterator[pa.RecordBatch]:
    """Score the batches that a worker of Spark was given; runs there, with its ONNX Runtime."""
    for batch in batches:
        yield from scored(pa.Table.from_batches([batch]), bundle).to_batches()


def scored(table: pa.Table, bundle: Bundle) -> pa.Table:
    """Score a batch of rows of user_features_daily.

    Returns
    -------
    pyarrow Table
        The rows with churn_risk and model_version. A row's risk does not depend on other rows.
    """
    columns = {name: table[name].to_numpy() for name in bundle.meta.feature_names}
    risks = np.round(bundle.score(bundle.encode(columns)), RISK_DECIMALS)
    versions = pa.array([bundle.version] * len(table), pa.string())
    return table.append_column("churn_risk", pa.array(risks)).append_column(
        "model_version", versions
    )


def _decide(own: Engine, day: date, params: Params) -> int:
    """Make the table `decided`, each user's rank and decision; return the list's length."""
    table = own.table("scored")
    ranked = table.select("user_id", "churn_risk").order_by(table.churn_risk.desc(), table.user_id)
    arrow = ranked.to_pyarrow()
    risks = arrow["churn_risk"].to_numpy()
    size = list_size(risks, params.scoring)
    users = arrow["user_id"][:size].to_pylist()
    aside = held_out(users, day.isoformat(), params.scoring.holdout_share)
    decisions = [HOLD_OUT if alone else CONTACT for alone in aside]
    made = {
        "user_id": arrow["user_id"],
        "risk_rank": pa.array(np.arange(1, len(arrow) + 1)),
        "decision": pa.array(decisions + [NONE] * (len(arrow) - size), pa.string()),
    }
    _insert(own, "decided", pa.table(made))
    return size


def _explain_all(own: Engine, count: int, bundle: Bundle, params: Params) -> None:
    """Make the table `explained`: the reasons of the `count` users of highest risk."""
    explainer = Explainer(bundle.meta)
    rows = own.table("scored").join(own.table("decided"), "user_id")
    size = params.scoring.batch_rows
    for first in range(0, max(count, 1), size):
        # Not streamed: the engine cannot take in new rows while it gives out others.
        part = rows.filter(rows.risk_rank.between(first + 1, min(first + size, count)))
        table = part.select("user_id", *bundle.meta.feature_names).to_pyarrow()
        _insert(own, "explained", explained(table, bundle, explainer))


def explained(table: pa.Table, bundle: Bundle, explainer: Explainer) -> pa.Table:
    """Reasons of a batch of rows, as columns `REASONS` beside user_id."""
    columns = {name: table[name].to_numpy() for name in bundle.meta.feature_names}
    matrix = bundle.encode(columns)
    reasons = explainer.reasons(matrix, columns, bundle.score(matrix))
    texts = {n: pa.array(said, pa.string()) for n, said in zip(REASONS, reasons, strict=True)}
    return pa.table({"user_id": table["user_id"], **texts})


def _insert(own: Engine, name: str, table: pa.Table) -> None:
    own.con.register("batch", table)
    own.raw_sql(f"CREATE TEMP TABLE IF NOT EXISTS {name} AS FROM batch LIMIT 0")
    own.raw_sql(f"INSERT INTO {name} FROM batch")
    own.con.unregister("batch")


def _write(own: Engine, day: date, last: date, bundle: Bundle, params: Params) -> Summary:
    places = {column.name: column for column in features_contract(params).columns}
    contract = predictions_contract(params, places)
    joined = (
        own.table("scored")
        .join(own.table("decided"), "user_id")
        .left_join(own.table("explained"), "user_id")
    )
    ranked = own.create_table("ranked", joined.select(*contract.names), temp=True)
    everybody = predictions_path(params, day)
    listed = top_path(params, day)
    count = write(own, ranked.order_by("risk_rank"), contract, params, everybody)
    top = ranked.filter(ranked.decision != NONE).order_by("risk_rank")
    contacts = write(own, top, contract, params, listed)
    outputs = [everybody, listed]
    facts = {"as_of_date": day.isoformat(), "model_version": bundle.version}
    if day in (last, params.scoring.as_of_date):
        outputs += _write_latest(own, contract, everybody, day, bundle.version, params)
    else:
        facts["latest"] = f"stays as it was: the data runs to {last}"
    if day < last and kept_path(params, day, bundle.version).exists():
        # Its features may have been restated since: that would be graded as a forecast.
        facts["kept"] = "what was predicted then stays"
    else:
        to_keep = ranked.select(*COLUMNS).order_by("user_id")
        rows = batches(own, to_keep, params.scoring.batch_rows)
        outputs.append(keep(rows, params, day, bundle.version, bundle.meta.label).path)
    if params.scoring.value is not None:
        risks = top.filter(top.decision == CONTACT).churn_risk.to_pyarrow().to_numpy()
        profit = float(expected_profit(risks, params.scoring.value).sum())
        facts["expected_profit"] = f"{profit:.2f}"
    return Summary(
        "batch_score",
        {"predictions": count, "contacts": contacts},
        outputs,
        facts,
    )


def _write_latest(
    own: Engine, contract: Contract, everybody: Path, day: date, version: str, params: Params
) -> list[Path]:
    """Copy the day's table to the latest one, and write the store for looking users up."""
    latest, store = latest_path(params), store_path(params)
    ranked = own.table("ranked")
    by_id = contract.typed(ranked).order_by(ranked.user_id.cast("string"))
    beside = latest.with_name(f".{latest.name}.writing")
    try:
        shutil.copyfile(everybody, beside)
        # The store and the latest table both lie ready before either takes its place.
        rows = batches(own, by_id, params.scoring.batch_rows)
        write_store(rows, contract, store, day, version)
        os.replace(beside, latest)
    finally:
        beside.unlink(missing_ok=True)
    return [latest, store]
