"""A source's columns under our names."""

from __future__ import annotations

from typing import Any

import ibis
import pytest

from churn_mlops.data.columns import as_it_came, mapping, renamed
from churn_mlops.errors import ContractError

NARROW = {
    "data": {
        "measures": {},
        "event_types": ("buy",),
        "columns": {"events": {"event_time": "when", "event_type": "what"}},
    }
}


def narrow(make_params: Any) -> Any:
    params = make_params(NARROW)
    data = params.data.model_copy(update={"measures": {}})
    return params.model_copy(update={"data": data})


def test_names_are_mapped_and_course_may_be_absent(con: Any, make_params: Any) -> None:
    params = narrow(make_params)
    table = ibis.memtable({"event_id": [1], "user_id": [2], "when": ["x"], "what": ["buy"]})
    rows = con.to_pyarrow(renamed(table, "events", "here", params)).to_pylist()
    assert rows == [
        {"event_id": 1, "user_id": 2, "event_time": "x", "event_type": "buy", "course_id": None}
    ]


def test_events_without_ids_are_numbered_by_time(con: Any, make_params: Any) -> None:
    params = narrow(make_params)
    early = {"user_id": [2, 1], "when": ["2025-01-02", "2025-01-01"], "what": ["buy", "buy"]}
    late = {name: [*values, values[0]] for name, values in early.items()}
    late["when"][2] = "2025-01-03"

    def numbers(table: dict[str, Any]) -> dict[str, int]:
        rows = con.to_pyarrow(renamed(ibis.memtable(table), "events", "here", params)).to_pylist()
        return {row["event_time"]: row["event_id"] for row in rows}

    assert numbers(early) == {"2025-01-01": 1, "2025-01-02": 2}
    assert numbers(late) == numbers(early) | {"2025-01-03": 3}


def test_a_missing_column_is_named_with_the_nearest(make_params: Any) -> None:
    table = ibis.memtable({"event_id": [1], "user_id": [2], "whn": ["x"], "what": ["buy"]})
    with pytest.raises(ContractError, match="here lacks when; did you mean 'whn'"):
        renamed(table, "events", "here", narrow(make_params))


def test_a_mapping_of_an_unknown_column_is_an_error(make_params: Any) -> None:
    params = make_params({"data": {"columns": {"users": {"sign_up": "x"}}}})
    with pytest.raises(ContractError, match="no column 'sign_up'"):
        mapping("users", params)


def test_values_keep_the_type_they_came_with(make_params: Any) -> None:
    row = {"event_id": "1", "user_id": 2, "event_time": "x", "event_type": "b", "course_id": "c"}
    types = as_it_came(ibis.memtable([row]), "events", narrow(make_params)).types
    assert (types["event_id"], types["user_id"]) == ("string", "int64")
