"""Backtest: the same split at earlier cut-off dates, as if one had trained and tested then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import numpy as np

from churn_mlops import engine
from churn_mlops.engine import Engine
from churn_mlops.errors import NotEnoughDataError
from churn_mlops.files import write_json, write_text
from churn_mlops.params import Params
from churn_mlops.progress import Step, steps
from churn_mlops.summary import Summary
from churn_mlops.tables import scan
from churn_mlops.training.bootstrap import Draws, Ranked, interval
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.data import Data, read_data
from churn_mlops.training.model import Family, fit_model
from churn_mlops.training.rows import held, rows_per_day
from churn_mlops.training.simple_rules import rule_scores
from churn_mlops.training.split import Split, split_days
from churn_mlops.training.train_baseline import BASELINE
from churn_mlops.training.train_candidate import CANDIDATE

METRIC = "pr_auc"
FAMILIES = (BASELINE, CANDIDATE)


def run(params: Params, cutoffs: int | None = None) -> Summary:
    """Train and test at several cut-off dates; write metrics/backtest.json and plots/backtest.csv.

    Parameters
    ----------
    params : Params
    cutoffs : int, optional
        Instead of ``evaluation.backtest_cutoffs``. Fewer are taken when the data does not reach
        back so far.

    Raises
    ------
    NotEnoughDataError
        Not even the latest cut-off leaves enough.
    """
    wanted = cutoffs or params.evaluation.backtest_cutoffs
    points: list[dict[str, Any]] = []
    skipped: list[str] = []
    with engine.connect(params) as con, steps("backtest", wanted) as step:
        table = held(con, scan(con, dataset_contract(params), params), params)
        splits = list(earlier_splits(rows_per_day(table), wanted, params))
        for split in splits:
            points += _points(con, table, split, skipped)
            _tell(step, split, points)
    if not points:
        raise NotEnoughDataError(
            f"no model could be trained and tested at any date: {'; '.join(skipped)}",
            fix="bring more days or users, or lower churn.window_days",
        )
    root = Path(params.paths.artifacts)
    paths = [root / "metrics" / "backtest.json", root / "plots" / "backtest.csv"]
    body = {"metric": METRIC, "points": points, "skipped": skipped}
    write_json(paths[0], body)
    columns = ("cutoff", "model", "value", "low", "high", "recency")
    lines = [",".join(columns), *(",".join(str(point[c]) for c in columns) for point in points)]
    write_text(paths[1], "\n".join(lines) + "\n")
    facts: dict[str, Any] = {
        f"{p['cutoff']} {p['model']}": f"{p['value']:.3f} ({p['low']:.3f} to {p['high']:.3f})"
        for p in points
    }
    if len(splits) < wanted:
        facts["cutoffs"] = f"{len(splits)} of {wanted}: the data does not reach back further"
    if skipped:
        facts["skipped"] = "; ".join(skipped)
    return Summary("backtest", {"points": len(points)}, paths, facts)


def earlier_splits(
    rows: dict[Any, int], wanted: int, params: Params
) -> Iterator[tuple[Split, Params]]:
    """Yield the present split, then splits whose test days lie one test period earlier each.

    Parameters
    ----------
    rows : dict of date to int
        Mature days and their rows.
    wanted : int
    params : Params

    Yields
    ------
    tuple of Split and Params
        The parameters are those under which the split is the ordinary one.
    """
    latest = split_days(rows, params)
    first, last = latest.test_days[0], latest.test_days[-1]
    length = (last - first).days + 1
    for back in range(wanted):
        shift = timedelta(days=back * length)
        training = params.training.model_copy(
            update={"test_start": first - shift, "test_end": last - shift}
        )
        moved = params.model_copy(update={"training": training})
        try:
            yield split_days(rows, moved), moved
        except NotEnoughDataError:
            return


def _points(
    con: Engine,
    table: ir.Table,
    moved: tuple[Split, Params],
    skipped: list[str],
) -> Iterator[dict[str, Any]]:
    split, then = moved
    cutoff = split.test_days[0].isoformat()
    try:
        data = read_data(con, table, split, then)
    except NotEnoughDataError as error:
        skipped.append(f"{cutoff}: {error.message}")
        return
    for family in FAMILIES:
        try:
            yield _point(family, cutoff, data, then)
        except NotEnoughDataError as error:
            skipped.append(f"{cutoff} {family.name}: {error.message}")


def _point(family: Family, cutoff: str, data: Data, params: Params) -> dict[str, Any]:
    model, _ = fit_model(family, data, params)
    test, evaluation = data.test, params.evaluation
    draws = Draws(test.users, evaluation.resamples, params.training.seed)
    ranked = Ranked(test.labels, model.risks(test), draws.place)
    drawn = np.concatenate([ranked.metrics(weights)[METRIC] for weights in draws])
    low, high = interval(drawn, evaluation.confidence)
    once = np.ones((1, draws.count))
    rule = Ranked(test.labels, rule_scores(test.columns, params)["recency"], draws.place)
    return {
        "cutoff": cutoff,
        "model": family.name,
        "value": float(ranked.metrics(once)[METRIC][0]),
        "low": low,
        "high": high,
        "recency": float(rule.metrics(once)[METRIC][0]),
        "rows": len(test),
        "train_days": len(data.split.train_days),
    }


def _tell(step: Step, moved: tuple[Split, Params], points: list[dict[str, Any]]) -> None:
    day = moved[0].test_days[0]
    values = ", ".join(
        f"{p['model']} {p['value']:.3f}" for p in points if p["cutoff"] == day.isoformat()
    )
    step(f"{day}: {values or 'skipped'}")
