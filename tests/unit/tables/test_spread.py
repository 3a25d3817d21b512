"""What Spark's driver gives its workers to write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import ibis
import pyarrow as pa
import pytest

from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables import contracts
from churn_mlops.tables.spread import with_day
from churn_mlops.tables.task_files import DAY


def test_the_typed_table_and_its_days(make_params: Callable[..., Params]) -> None:
    contract = contracts.labels_daily(make_params())
    raw = ibis.table(dict.fromkeys(contract.names, "string"), name="raw")
    found = with_day(raw, contract).schema()
    assert found == ibis.schema({**contract.types, DAY: "date"})


def test_a_table_without_a_day_has_none_to_give(make_params: Callable[..., Params]) -> None:
    contract = replace(contracts.labels_daily(make_params()), day=None)
    table = ibis.memtable(pa.table({name: pa.array([], pa.string()) for name in contract.names}))
    with pytest.raises(ContractError, match="no column that tells a row's day"):
        with_day(table, contract)
