"""What no table names goes, once it is old enough; nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_mlops.errors import ContractError, ParamsError
from churn_mlops.params import Params
from churn_mlops.tables import contracts
from churn_mlops.tables.manifest import listed, ship
from churn_mlops.tables.prune import run


@pytest.fixture
def params(make_params: Callable[..., Params], tmp_path: Path) -> Params:
    location = f"memory://{uuid4().hex}/tables"
    tables = {"format": "parquet", "location": location}
    return make_params({"paths": {"data": str(tmp_path)}, "tables": tables})


def build(params: Params) -> list[str]:
    contract = contracts.labels_daily(params)
    folder = contract.path(params)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"x": [1]}), folder / "part-00000.parquet")
    ship(folder, contract, params)
    return list(listed(folder).values())


def age(*urls: str, days: int) -> None:
    store = fsspec.filesystem("memory")
    for url in urls:
        file = store.store[store._strip_protocol(url)]
        file.created = file.modified = datetime.now(UTC) - timedelta(days=days)


def there(url: str) -> bool:
    return bool(fsspec.filesystem("memory").exists(url))


def test_earlier_builds_go_when_they_are_old(params: Params) -> None:
    (first,), (second,) = build(params), build(params)
    assert run(params, keep_days=30).rows == {"named": 1, "too young": 1, "removed": 0}
    age(first, second, days=31)
    told = run(params, keep_days=30, dry_run=True)
    assert told.rows == {"named": 1, "too young": 0, "would be removed": 1}
    assert int(told.facts["bytes"]) > 0
    assert there(first)
    assert run(params, keep_days=30).rows["removed"] == 1
    assert not there(first)
    assert there(second), "however old, what a table names stays"


def test_a_damaged_manifest_removes_nothing(params: Params) -> None:
    (first,), (second,) = build(params), build(params)
    age(first, second, days=400)
    (contracts.labels_daily(params).path(params) / "_files.json").write_text("{")
    with pytest.raises(ContractError, match="is damaged"):
        run(params)
    assert there(first)
    assert there(second)


def test_an_empty_place(params: Params) -> None:
    assert run(params).rows == {"named": 0, "too young": 0, "removed": 0}


def test_no_location(make_params: Callable[..., Params]) -> None:
    with pytest.raises(ParamsError, match="is not set"):
        run(make_params())
