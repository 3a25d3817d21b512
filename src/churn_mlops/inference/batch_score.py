"""Stage batch_score: a day's eligible users, ranked by risk, with reasons."""

from __future__ import annotations

import math
import os
import shutil
from bisect import bisect_left
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from churn_mlops import engine
from churn_mlops.engine import Engine
from churn_mlops.errors import BundleError, NotEnoughDataError
from churn_mlops.features.catalogue import features_contract, model_features
from churn_mlops.features.eligibility import eligible
from churn_mlops.inference.explain import Explainer
from churn_mlops.inference.predictions import (
    REASONS,
    RISK_DECIMALS,
    context_names,
    latest_path,
    predictions_contract,
    predictions_path,
    top_path,
)
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.registry.bundle import Bundle, load_bundle
from churn_mlops.summary import Summary
from churn_mlops.tables import scan, write
from churn_mlops.tables.batches import batches


def run(params: Params, as_of_date: date | None = None, top_k: int | None = None) -> Summary:
    """Score a day and write its predictions, its contact list and the latest predictions.

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
        There is no sound bundle, or it was trained for other features or another label.
    NotEnoughDataError
        The day is not in the data or has nobody eligible.
    """
    top_k = top_k or params.scoring.top_k
    bundle = load_bundle(
        Path(params.paths.artifacts) / "models" / "baseline", params.duckdb.threads
    )
    require_fit(bundle, params)
    with engine.connect(params) as con, engine.embedded(params) as own:
        features = scan(con, features_contract(params), params)
        counts = _eligible_per_day(features)
        day = choose_day(counts, as_of_date or params.scoring.as_of_date)
        rows = eligible(features.filter(features.as_of_date == ibis.literal(day)), params)
        _score_all(con, rows, counts[day], bundle, own, params)
        return _write(own, day, top_k, bundle, params)


def require_fit(bundle: Bundle, params: Params) -> None:
    """Raise `BundleError` unless the model was trained for these features and this label."""
    have = {f.name: (f.kind, f.type) for f in model_features(params)}
    want = {f.name: (f.kind, f.type) for f in bundle.meta.features}
    if have != want:
        differ = sorted(n for n in have.keys() | want.keys() if have.get(n) != want.get(n))
        raise BundleError(
            f"the model and user_features_daily differ in {len(differ)} features:"
            f" {', '.join(differ[:5])}{', …' if len(differ) > 5 else ''}",
            fix="train with the present parameters: `dvc repro train_baseline`",
        )
    if bundle.meta.label != params.churn:
        was, now = bundle.meta.label.model_dump(), params.churn.model_dump()
        words = [f"{k}: {was[k]} (now {now[k]})" for k in now if was[k] != now[k]]
        raise BundleError(
            f"the model was trained for another meaning of churn: {', '.join(words)}",
            fix="train with the present parameters: `dvc repro train_baseline`",
        )


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
    con: Engine, rows: ir.Table, count: int, bundle: Bundle, own: Engine, params: Params
) -> None:
    """Stream the rows through the model into the table `scored`, which may spill to disk."""
    size = params.scoring.batch_rows
    explainer = Explainer(bundle.meta) if bundle.meta.linear else None
    extra = [n for n in context_names(params) if n not in bundle.meta.feature_names]
    wanted = rows.select("user_id", "as_of_date", *bundle.meta.feature_names, *extra)
    with steps("batch_score", math.ceil(count / size)) as step:
        done = 0
        for batch in batches(con, wanted, size):
            table = scored(pa.Table.from_batches([batch]), bundle, explainer, params)
            own.con.register("batch", table)
            if done:
                own.raw_sql("INSERT INTO scored SELECT * FROM batch").fetchall()
            else:
                own.raw_sql("CREATE TEMP TABLE scored AS SELECT * FROM batch").fetchall()
            own.con.unregister("batch")
            done += batch.num_rows
            step(f"{done:,} users")


def scored(
    table: pa.Table, bundle: Bundle, explainer: Explainer | None, params: Params
) -> pa.Table:
    """Score a batch of rows of user_features_daily.

    Returns
    -------
    pyarrow Table
        The rows with churn_risk, reasons, model_version and context columns. A row's values do
        not depend on the other rows.
    """
    columns = {name: table[name].to_numpy() for name in bundle.meta.feature_names}
    matrix = bundle.encode(columns)
    risks = np.round(bundle.score(matrix), RISK_DECIMALS)
    reasons = explainer.reasons(matrix, columns) if explainer else [[None] * len(table)] * 3
    made = {
        "user_id": table["user_id"],
        "as_of_date": table["as_of_date"],
        "churn_risk": pa.array(risks),
        **{n: pa.array(texts, pa.string()) for n, texts in zip(REASONS, reasons, strict=True)},
        "model_version": pa.array([bundle.version] * len(table), pa.string()),
    }
    return pa.table(made | {name: table[name] for name in context_names(params)})


def _write(own: Engine, day: date, top_k: int, bundle: Bundle, params: Params) -> Summary:
    places = {column.name: column for column in features_contract(params).columns}
    contract = predictions_contract(params, places)
    table = own.table("scored")
    by_risk = ibis.window(order_by=[table.churn_risk.desc(), table.user_id])
    table = table.mutate(risk_rank=ibis.row_number().over(by_risk) + 1)
    table = table.mutate(decision=(table.risk_rank <= top_k).ifelse("contact", "none"))
    ranked = own.create_table("ranked", table.select(*contract.names), temp=True)
    everybody = predictions_path(params, day)
    listed, latest = top_path(params, day, top_k), latest_path(params)
    count = write(own, ranked.order_by("risk_rank"), contract, params, everybody)
    top = ranked.filter(ranked.risk_rank <= top_k).order_by("risk_rank")
    contacts = write(own, top, contract, params, listed)
    beside = latest.with_name(f".{latest.name}.writing")
    shutil.copyfile(everybody, beside)
    os.replace(beside, latest)
    return Summary(
        "batch_score",
        {"predictions": count, "contacts": contacts},
        [everybody, listed, latest],
        {"as_of_date": day.isoformat(), "model_version": bundle.version},
    )
