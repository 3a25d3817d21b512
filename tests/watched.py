"""A champion in use: scored days after its training, and what became of their users."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_mlops import engine
from churn_mlops.features.catalogue import features_contract
from churn_mlops.inference import batch_score
from churn_mlops.params import Params
from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.registry.champion import production_folder
from churn_mlops.tables import contracts, write
from tests.made_up import FIRST, features
from tests.trained import bundle_folder, trained

USERS, DAYS, WINDOW = 300, 96, 7


def day(n: int) -> date:
    """The n-th day of the log."""
    return FIRST + timedelta(days=n)


@cache
def log() -> tuple[pa.Table, np.ndarray]:
    """Features of new users, and the label of each row."""
    return features(trained()[0], USERS, DAYS, seed=7)


def watched(folder: Path, last: int = DAYS - 1, model: str = "baseline", **over: object) -> Params:
    """Parameters of a folder with a champion and all tables up to the n-th day."""
    tree = trained()[0].model_dump()
    tree["paths"] = {"data": str(folder / "data"), "artifacts": str(folder / "artifacts")}
    for section, values in over.items():
        tree[section] = tree[section] | values if isinstance(values, dict) else values
    params = Params.model_validate(tree)
    copy_bundle(bundle_folder(model), production_folder(params))
    put_features(params, last)
    put_labels(params, log()[1], last)
    put_calendar(params, last)
    return params


def put_features(
    params: Params,
    last: int,
    on: int | None = None,
    **changes: Callable[[np.ndarray], np.ndarray] | None,
) -> None:
    """Write user_features_daily up to the n-th day.

    On that day, or another one (`on`), columns are changed by the functions of their names; None
    takes a column out of the whole table.
    """
    table, _ = log()
    days = table["as_of_date"].to_numpy()
    known = with_ids(table.filter(pa.array(days <= np.datetime64(day(last)))), params)
    changed_day = day(last if on is None else on)
    now = known["as_of_date"].to_numpy() == np.datetime64(changed_day)
    contract = features_contract(params)
    for name, change in changes.items():
        place = known.schema.get_field_index(name)
        if change is None:
            known = known.remove_column(place)
            kept = tuple(column for column in contract.columns if column.name != name)
            contract = replace(contract, columns=kept)
            continue
        values = known[name].to_numpy()
        changed = pa.array(np.where(now, change(values), values)).cast(known[name].type)
        known = known.set_column(place, name, changed)
    with engine.connect(params) as con:
        write(con, known, contract, params)


def put_labels(params: Params, labels: np.ndarray, last: int) -> None:
    """Write labels_daily: the days whose horizon has passed on the n-th day."""
    table, _ = log()
    mature = table["as_of_date"].to_numpy() <= np.datetime64(day(last - WINDOW))
    made = pa.table(
        {
            "user_id": table["user_id"],
            "as_of_date": table["as_of_date"],
            "future_active_days": pa.array(1 - labels, pa.int32()),
            "churn_label": pa.array(labels, pa.int8()),
        }
    )
    with engine.connect(params) as con:
        mine = with_ids(made.filter(pa.array(mature)), params)
        write(con, mine, contracts.labels_daily(params), params)


def with_ids(table: pa.Table, params: Params) -> pa.Table:
    """The table with ids as the source has them: numbers, or text with zeros in front."""
    if params.data.user_id == "integer":
        return table
    ids = pc.utf8_lpad(table["user_id"].cast(pa.string()), 6, "0")
    return table.set_column(0, "user_id", ids)


def put_calendar(params: Params, last: int) -> None:
    """Write the gate's report: the n-th day is the last complete one."""
    body = {
        "status": "passed",
        "calendar": {"first_day": day(0).isoformat(), "last_day": day(last).isoformat()},
        "tables": {},
    }
    path = Path(params.paths.data) / "validation/report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body))


def score(params: Params, days: Sequence[int]) -> None:
    """Score some days, one after the other, as the parameters ask for; the last is the latest."""
    for n in days:
        scoring = params.scoring.model_copy(update={"as_of_date": day(n)})
        batch_score.run(params.model_copy(update={"scoring": scoring}))
