"""The training set holds mature and eligible rows, each with its own label."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pyarrow as pa

from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.training.build_training_set import build_training_set, dataset_contract

PARAMS = Params()


def features_of(rows: list[dict[str, Any]]) -> ibis.Table:
    contract = features_contract(PARAMS)
    filled = [dict.fromkeys(contract.names) | row for row in rows]
    return ibis.memtable(
        pa.Table.from_pylist(filled, schema=ibis.schema(contract.types).to_pyarrow())
    )


def test_only_mature_and_eligible_rows_with_their_own_label(con: Any) -> None:
    days = [date(2025, 1, d) for d in (1, 2, 3)]
    features = features_of(
        [
            {"user_id": 1, "as_of_date": days[0], "is_eligible": 1, "logins_7d": 5},
            {"user_id": 1, "as_of_date": days[1], "is_eligible": 0, "logins_7d": 6},
            {"user_id": 1, "as_of_date": days[2], "is_eligible": 1, "logins_7d": 7},
            {"user_id": 2, "as_of_date": days[0], "is_eligible": 1, "logins_7d": 8},
        ]
    )
    labels = ibis.memtable(
        {
            "user_id": [1, 1, 2],
            "as_of_date": [days[0], days[1], days[0]],
            "churn_label": [0, 1, 1],
            "future_active_days": [3, 0, 0],
        }
    )
    table = build_training_set(features, labels, PARAMS).order_by("user_id", "as_of_date")
    rows = con.to_pyarrow(table).to_pylist()
    assert [(r["user_id"], r["as_of_date"], r["logins_7d"], r["churn_label"]) for r in rows] == [
        (1, days[0], 5, 0),
        (2, days[0], 8, 1),
    ]


def test_the_future_is_not_among_the_columns() -> None:
    names = dataset_contract(PARAMS).names
    assert names[-1] == "churn_label"
    assert "future_active_days" not in names
    assert "is_eligible" not in names
