"""The same definitions on PySpark give the same tables as on DuckDB."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from churn_mlops import engine
from churn_mlops.data.calendar import Calendar
from churn_mlops.data.prepare_dataset import build_user_daily
from churn_mlops.features.build_features import build_features
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.tables import Contract, contracts
from churn_mlops.training.build_labels import build_labels
from churn_mlops.training.build_training_set import build_training_set, dataset_contract
from tests import logs
from tests.integration.tools import require_tool

pytestmark = pytest.mark.slow
PARAMS = Params.model_validate(
    Params().model_dump()
    | {
        "engine": "spark",
        "churn": Params().churn.model_dump() | {"window_days": 7, "active_within_days": 10},
        "data": Params().data.model_dump() | {"subscriptions": True},
    }
)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    require_tool("java")
    with engine.connect(PARAMS) as con:
        yield con


def random_log(seed: int, users: int = 12, days: int = 40) -> logs.Log:
    rng = np.random.default_rng(seed)
    people = pd.DataFrame(
        {
            "user_id": range(1, users + 1),
            "signup_date": [logs.FIRST + timedelta(int(n)) for n in rng.integers(-5, 20, users)],
            "plan": rng.choice(["free", "pro"], users),
            "is_paid": rng.integers(0, 2, users),
            "country": "DE",
            "marketing_source": "ads",
        }
    )
    rows: list[dict[str, Any]] = []
    for user in people.itertuples():
        begin = max((user.signup_date - logs.FIRST).days, 0)
        for offset in rng.integers(begin, days, rng.integers(0, 60)):
            day = logs.FIRST + timedelta(int(offset))
            rows.append(
                {
                    "event_id": len(rows) + 1,
                    "user_id": user.user_id,
                    "event_time": datetime.combine(day, datetime.min.time()) + timedelta(hours=23),
                    "event_type": str(rng.choice(PARAMS.data.event_types)),
                    "course_id": None,
                    "watch_minutes": float(rng.integers(0, 900)) / 10,
                    "quiz_score": None if rng.random() < 0.3 else float(rng.integers(0, 1001)) / 10,
                    "amount": 9.99,
                    "day": day,
                }
            )
    periods = pd.DataFrame(
        {
            "user_id": people.user_id,
            "start_date": logs.FIRST,
            "end_date": date(2025, 2, 1),
            "plan": "pro",
        }
    )
    return logs.Log(people, pd.DataFrame(rows), periods, logs.FIRST + timedelta(days - 1))


def all_tables(log: logs.Log) -> dict[str, tuple[ibis.Table, Contract]]:
    raw = {name: ibis.memtable(table) for name, table in logs.tables(log, PARAMS).items()}
    calendar = Calendar(logs.FIRST, log.last)
    daily = build_user_daily(raw["events"], raw["users"], calendar, PARAMS)
    features = build_features(daily, raw["users"], PARAMS, raw["subscriptions"])
    labels = build_labels(daily, PARAMS)
    training = build_training_set(features, labels, PARAMS)
    return {
        "user_daily": (daily, contracts.user_daily(PARAMS)),
        "user_features_daily": (features, features_contract(PARAMS)),
        "labels_daily": (labels, contracts.labels_daily(PARAMS)),
        "training_dataset": (training, dataset_contract(PARAMS)),
    }


def rows_of(con: Any, table: ibis.Table, contract: Contract) -> list[dict[str, Any]]:
    return con.to_pyarrow(contract.sorted(table)).to_pylist()


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return bool(a == b)


@pytest.mark.parametrize(
    "table", ["user_daily", "user_features_daily", "labels_daily", "training_dataset"]
)
def test_every_table_is_equal(spark: Any, con: Any, table: str) -> None:
    expression, contract = all_tables(random_log(1))[table]
    ours, theirs = rows_of(con, expression, contract), rows_of(spark, expression, contract)
    assert len(ours) == len(theirs) > 100
    for mine, other in zip(ours, theirs, strict=True):
        for name in contract.names:
            assert equal(mine[name], other[name]), (name, mine, other)
