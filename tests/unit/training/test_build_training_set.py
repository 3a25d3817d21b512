"""The training set holds mature and eligible rows, each with its own label."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa

from churn_mlops.data.bad_days import BadDay, mark
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.training.build_training_set import (
    build_training_set,
    dataset_contract,
    learnable,
)

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


def test_what_bad_days_have_spoiled_is_left_out(
    con: Any, workspace: Path, make_params: Any
) -> None:
    params = make_params({"churn": {"window_days": 2}, "features": {"windows_days": (3,)}})
    days = [date(2025, 1, n) for n in range(1, 11)]
    labels = ibis.memtable(pa.table({"as_of_date": pa.array(days, pa.date32())}))
    assert learnable(con, labels, params)[1] == 0
    mark(params, BadDay(date(2025, 1, 5), "CHN405", "minutes", labels=True))
    kept, left_out = learnable(con, labels, params)
    gone = {date(2025, 1, n) for n in (3, 4, 5, 6, 7)}
    assert left_out == len(gone)
    assert set(con.to_pyarrow(kept)["as_of_date"].to_pylist()) == set(days) - gone
