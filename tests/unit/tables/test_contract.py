"""A contract knows its place and what it lacks."""

from __future__ import annotations

from typing import Any

import pytest

from churn_mlops.errors import ContractError
from churn_mlops.tables import Column, Contract

CONTRACT = Contract("t", "raw", ("a",), (Column("a", "int64"), Column("b", "string")))


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_the_path_follows_root_and_format(make_params: Any, format_: str) -> None:
    params = make_params({"tables": {"format": format_}, "paths": {"data": "elsewhere"}})
    assert str(CONTRACT.path(params)) == f"elsewhere/raw/t.{format_}"


def test_require_names_what_is_missing_and_where() -> None:
    CONTRACT.require(["b", "a", "c"], "here")
    with pytest.raises(ContractError, match="here: table 't' lacks b"):
        CONTRACT.require(["a"], "here")
