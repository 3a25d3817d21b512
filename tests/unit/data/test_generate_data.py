"""The synthetic portal as raw tables."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from churn_mlops.data import generate_data
from churn_mlops.data.watermark import read_watermark
from churn_mlops.errors import ParamsError

SMALL = {"data": {"synthetic": {"users": 60, "days": 65}}}


def test_both_formats_hold_the_same_rows(workspace: Path, make_params: Any) -> None:
    csv_rows = generate_data.run(make_params(SMALL)).rows
    parquet = make_params(SMALL | {"tables": {"format": "parquet"}})
    assert generate_data.run(parquet).rows == csv_rows
    for name in ("users", "events"):
        with (workspace / f"data/raw/{name}.csv").open(newline="") as file:
            ours = [row[f"{name[:-1]}_id"] for row in csv.DictReader(file)]
        theirs = pq.read_table(workspace / f"data/raw/{name}.parquet")
        assert [int(n) for n in ours] == theirs[f"{name[:-1]}_id"].to_pylist()
        assert len(ours) == csv_rows[name] > 0


def test_columns_follow_the_parameters(workspace: Path, make_params: Any) -> None:
    params = make_params(SMALL)
    static = params.features.model_copy(update={"static": {"plan": "categorical"}})
    generate_data.run(params.model_copy(update={"features": static}))
    header = (workspace / "data/raw/users.csv").read_text().split("\n", 1)[0]
    assert header == "user_id,signup_date,plan"


def test_the_same_seed_gives_the_same_bytes(workspace: Path, make_params: Any) -> None:
    generate_data.run(make_params(SMALL))
    first = (workspace / "data/raw/events.csv").read_bytes()
    generate_data.run(make_params(SMALL))
    assert (workspace / "data/raw/events.csv").read_bytes() == first


def test_a_column_that_the_portal_does_not_have(workspace: Path, make_params: Any) -> None:
    params = make_params(SMALL | {"features": {"static": {"shoe_size": "numeric"}}})
    with pytest.raises(ParamsError, match="shoe_size"):
        generate_data.run(params)


def test_an_impossible_drift_names_its_section(workspace: Path, make_params: Any) -> None:
    drift = ({"kind": "broken_tracking", "start": "2025-01-05", "event_type": "nothing"},)
    over = {"data": {"synthetic": {"users": 60, "days": 65, "drift": drift}}}
    with pytest.raises(ParamsError, match=r"data\.synthetic"):
        generate_data.run(make_params(over))


def test_it_says_how_far_the_raw_tables_reach(workspace: Path, make_params: Any) -> None:
    params = make_params(SMALL)
    generate_data.run(params)
    mark = read_watermark(params)
    assert mark is not None
    assert (mark.as_of, mark.ingested) == (date(2025, 3, 6), False)
    assert (workspace / "data/raw/bad_days.json").read_text() == '{\n  "days": []\n}\n'
