"""How far the raw tables reach, and what makes a source another one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.data.watermark import (
    Watermark,
    read_watermark,
    source_of,
    watermark_path,
    write_watermark,
)
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from tests.conftest import merge

DAY = date(2025, 1, 9)


@pytest.fixture
def params(tmp_path: Path, make_params: Callable[..., Params]) -> Params:
    return make_params({"paths": {"data": str(tmp_path)}})


@pytest.mark.parametrize(
    "mark",
    [
        Watermark(DAY, True, "abc"),
        Watermark(None, False, "abc"),
        Watermark(DAY, False, "abc", {"events.csv": 120, "users.csv": 0}),
    ],
    ids=["a day", "nobody said how far", "sizes of CSV files"],
)
def test_it_is_read_as_it_was_written(params: Params, mark: Watermark) -> None:
    assert read_watermark(params) is None
    write_watermark(params, mark)
    assert read_watermark(params) == mark
    assert [path.name for path in watermark_path(params).parent.iterdir()] == ["watermark.json"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        '{"as_of": "2025-01-09", "inge',
        "[]",
        '{"as_of": "2025-01-09"}',
        '{"as_of": "yesterday", "ingested": true, "source": "x"}',
        '{"as_of": 20250109, "ingested": true, "source": "x"}',
        '{"as_of": null, "ingested": true, "source": "x", "sizes": ["events.csv"]}',
        '{"as_of": null, "ingested": true, "source": "x", "sizes": {"events.csv": "many"}}',
    ],
    ids=["empty", "cut off", "a list", "lacks", "no day", "a number", "no sizes", "no size"],
)
def test_a_damaged_one_is_told_with_what_mends_it(params: Params, body: str) -> None:
    path = watermark_path(params)
    path.parent.mkdir()
    path.write_text(body)
    with pytest.raises(ContractError, match=r"watermark\.json is damaged") as caught:
        read_watermark(params)
    assert caught.value.fix is not None
    assert "--anew" in caught.value.fix


SQL = {"source": "sql", "sql": {"url": "postgresql://me:one@host/db", "events": "events"}}


@pytest.mark.parametrize(
    ("data", "over"),
    [
        ({}, {"data": {"end_date": "2025-03-01"}}),
        ({}, {"data": {"late_days": 9}}),
        ({}, {"data": {"synthetic": {"days": 99}}}),
        ({}, {"churn": {"window_days": 5}}),
        (SQL, {"data": {"sql": {"url": "postgresql://me:two@host/db"}}}),
    ],
    ids=["last day", "allowance", "length", "not of the data", "password"],
)
def test_how_far_to_read_makes_no_other_source(
    make_params: Callable[..., Params], data: dict[str, Any], over: dict[str, Any]
) -> None:
    assert source_of(make_params(merge({"data": data}, over))) == source_of(
        make_params({"data": data})
    )


@pytest.mark.parametrize(
    ("data", "over"),
    [
        ({}, {"data": {"synthetic": {"seed": 7}}}),
        ({}, {"data": {"start_date": "2024-12-31"}}),
        ({}, {"data": {"event_id": "text"}}),
        ({}, {"features": {"static": {"city": "categorical"}}}),
        (SQL, {"data": {"sql": {"events": "log"}}}),
        (SQL, {"data": {"source": "files", "files": {"events": "events.csv"}}}),
    ],
    ids=["seed", "first day", "type of ids", "columns of users", "another table", "files"],
)
def test_what_is_read_makes_another_source(
    make_params: Callable[..., Params], data: dict[str, Any], over: dict[str, Any]
) -> None:
    assert source_of(make_params(merge({"data": data}, over))) != source_of(
        make_params({"data": data})
    )
