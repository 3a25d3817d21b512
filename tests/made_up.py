"""Made-up features and labels: every column of the contract, risk that follows recency."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa

from churn_mlops import engine
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.tables import write
from churn_mlops.training.build_training_set import dataset_contract

FIRST = date(2025, 1, 1)


def features(
    params: Params, users: int, days: int, seed: int = 0, keen: float = 1.0
) -> tuple[pa.Table, np.ndarray]:
    """user_features_daily in the order of its key, and a label for each row.

    `keen` weighs what the counts tell, beside recency: from about 2 on, a model of them beats
    recency alone by far.
    """
    rng = np.random.default_rng(seed)
    n = users * days
    keenness = np.repeat(rng.gamma(2.0, 1.0, users), days)
    away = rng.geometric(np.clip(keenness / 4, 0.05, 0.95)) - 1
    reluctance = 2.5 + keenness - 0.25 * away + (keen - 1) * (keenness - 2)
    label = (rng.random(n) < 1 / (1 + np.exp(reluctance))).astype(np.int8)
    ids: Any = np.repeat(np.arange(1, users + 1), days)
    if params.data.user_id == "text":
        ids = np.array([f"u{i:06d}" for i in ids], dtype=object)
    columns: dict[str, Any] = {
        "user_id": ids,
        "as_of_date": [FIRST + timedelta(days=d) for d in range(days)] * users,
        "is_eligible": (rng.random(n) < 0.9).astype(np.int8),
        "days_since_last_activity": away,
    }
    schema = ibis.schema(features_contract(params).types).to_pyarrow()
    for field in schema:
        if field.name in columns:
            continue
        if pa.types.is_string(field.type):
            columns[field.name] = rng.choice(np.array(["free", "pro", None], dtype=object), n)
        elif pa.types.is_integer(field.type):
            columns[field.name] = rng.poisson(keenness)
        else:
            values = rng.gamma(1 + keenness, 1.0).round(3)
            gaps = rng.random(n) < (0.3 if "quiz_avg" in field.name else 0.0)
            columns[field.name] = pa.array(values, mask=gaps)
    arrays = [pa.array(columns[f.name]).cast(f.type) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema), label


def write_tables(
    params: Params, users: int = 120, days: int = 60, seed: int = 0, keen: float = 1.0
) -> Path:
    """Write user_features_daily and training_dataset below ``paths.data``."""
    table, label = features(params, users, days, seed, keen)
    labelled = table.append_column("churn_label", pa.array(label, pa.int8()))
    window = params.churn.window_days
    mature = labelled["as_of_date"].to_numpy() <= np.datetime64(
        FIRST + timedelta(days=days - 1 - window)
    )
    keep = mature & (labelled["is_eligible"].to_numpy() == 1)
    contract = dataset_contract(params)
    with engine.connect(params) as con:
        write(con, table, features_contract(params), params)
        write(con, labelled.filter(pa.array(keep)).select(contract.names), contract, params)
    return contract.path(params)
